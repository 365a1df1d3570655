package redshifttest

import "github.com/jackc/pgx/v5/pgproto3"

// tell passes the statements in a message to Options.Record.
func (c *session) tell(message pgproto3.FrontendMessage) {
	record := c.server.options.Record
	if record == nil {
		return
	}
	switch m := message.(type) {
	case *pgproto3.Query:
		record(c.application, m.String)
	case *pgproto3.Parse:
		record(c.application, m.Query)
	}
}
