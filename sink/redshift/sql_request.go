package redshift

import (
	"fmt"

	"rowshift/schema"
)

func (m metadata) request() place { return in(string(m), requestTable) }

// What becomes of a request.
const (
	requested = "requested"
	taken     = "taken"   // a load has begun that sees what the source had when it was asked for
	done      = "done"    // the table is live again
	refused   = "refused" // there is no such table
)

// The kinds of request: to load a table again, and to reset the slot, by token.
const (
	resync = "resync"
	reset  = "reset"
)

// createRequest makes the table in which people ask the daemon for something.
func (m metadata) createRequest() string {
	return fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s ("kind" VARCHAR(16) NOT NULL, "source_schema" VARCHAR(256) NOT NULL, "source_table" VARCHAR(256) NOT NULL, "token" VARCHAR(256) NOT NULL, `+
		`"state" VARCHAR(16) NOT NULL, "requested_at" TIMESTAMP, "taken_at" TIMESTAMP, "done_at" TIMESTAMP)`, m.request())
}

// requestResyncs asks for tables to be loaded again. word identifies the request.
func (m metadata) requestResyncs(word string, tables []schema.Name) string {
	return fmt.Sprintf(`INSERT INTO %s ("kind", "source_schema", "source_table", "token", "state", "requested_at") VALUES %s`, m.request(),
		list(tables, func(_ int, n schema.Name) string {
			return fmt.Sprintf("(%s, %s, %s, %s, %s, GETDATE())", literal(resync), literal(n.Schema), literal(n.Table), literal(word), literal(requested))
		}))
}

// answersTo reads what has become of the tables that were asked for by a word.
func (m metadata) answersTo(word string) string {
	return fmt.Sprintf(`SELECT "source_schema", "source_table", "state" FROM %s WHERE "kind" = %s AND "token" = %s ORDER BY "source_schema", "source_table"`,
		m.request(), literal(resync), literal(word))
}

// readRequests reads the requests that nobody has taken up, one in each row.
func (m metadata) readRequests() string {
	return fmt.Sprintf(`SELECT "kind", "source_schema", "source_table" FROM %s WHERE "state" = %s ORDER BY "kind", "source_schema", "source_table"`,
		m.request(), literal(requested))
}

// openRequests reads what was asked for and is not done, with its age in seconds.
func (m metadata) openRequests() string {
	return fmt.Sprintf(`SELECT "kind", "source_schema", "source_table", "token", "state", COALESCE(DATEDIFF(second, "requested_at", GETDATE()), 0) FROM %s `+
		`WHERE "state" = %s OR "state" = %s ORDER BY "requested_at", "source_schema", "source_table", "token"`, m.request(), literal(requested), literal(taken))
}

// answerRequests moves the requests for a table from one state to another. at is the column for
// the time of that.
func (m metadata) answerRequests(n schema.Name, from, to, at string) string {
	return fmt.Sprintf(`UPDATE %s SET "state" = %s, %s = GETDATE() WHERE "kind" = %s AND "state" = %s AND "source_schema" = %s AND "source_table" = %s`,
		m.request(), literal(to), quoted(at), literal(resync), literal(from), literal(n.Schema), literal(n.Table))
}

// renameRequests gives the requests for a table that are not done its new name.
func (m metadata) renameRequests(from, to schema.Name) string {
	return fmt.Sprintf(`UPDATE %s SET "source_schema" = %s, "source_table" = %s WHERE "kind" = %s AND ("state" = %s OR "state" = %s) AND "source_schema" = %s AND "source_table" = %s`,
		m.request(), literal(to.Schema), literal(to.Table), literal(resync), literal(requested), literal(taken), literal(from.Schema), literal(from.Table))
}

// readResets reads the tokens of slot resets, and what became of each. They are in the order in
// which they were taken. Those that were not are last, because NULL is sorted last.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ORDER_BY_clause.html
func (m metadata) readResets() string {
	return fmt.Sprintf(`SELECT "token", "state" FROM %s WHERE "kind" = %s ORDER BY "taken_at", "requested_at", "token"`, m.request(), literal(reset))
}

// insertReset remembers a reset, in that state.
func (m metadata) insertReset(token, state string) string {
	at := "NULL"
	if state != requested {
		at = "GETDATE()"
	}
	return fmt.Sprintf(`INSERT INTO %s ("kind", "source_schema", "source_table", "token", "state", "requested_at", "taken_at") VALUES (%s, '', '', %s, %s, GETDATE(), %s)`,
		m.request(), literal(reset), literal(token), literal(state), at)
}

// takeReset notes that a reset which somebody asked for is under way.
func (m metadata) takeReset(token string) string {
	return fmt.Sprintf(`UPDATE %s SET "state" = %s, "taken_at" = GETDATE() WHERE "kind" = %s AND "token" = %s AND "state" = %s`,
		m.request(), literal(taken), literal(reset), literal(token), literal(requested))
}

// finishResets notes that the resets under way are done.
func (m metadata) finishResets() string {
	return fmt.Sprintf(`UPDATE %s SET "state" = %s, "done_at" = GETDATE() WHERE "kind" = %s AND "state" = %s`,
		m.request(), literal(done), literal(reset), literal(taken))
}

// lastReset reads how many seconds the last reset took.
func (m metadata) lastReset() string {
	return fmt.Sprintf(`SELECT DATEDIFF(second, "taken_at", "done_at") FROM %s WHERE "kind" = %s AND "state" = %s ORDER BY "done_at" DESC LIMIT 1`,
		m.request(), literal(reset), literal(done))
}
