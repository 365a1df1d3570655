package redshifttest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgproto3"
)

// answer handles one message. The error means that the session is over.
func (c *session) answer(ctx context.Context, message pgproto3.FrontendMessage) error {
	c.tell(message)
	switch m := message.(type) {
	case *pgproto3.Query:
		c.failed = false
		if err := c.simple(ctx, m.String); err != nil {
			return err
		}
		return c.ready()
	case *pgproto3.Sync:
		if err := c.endImplicit(ctx, c.failed); err != nil {
			c.sendError(err, "ERROR")
		}
		c.failed = false
		return c.ready()
	case *pgproto3.Flush:
		return c.flush()
	case *pgproto3.CopyData, *pgproto3.CopyDone, *pgproto3.CopyFail:
		return nil // left over from a COPY that was refused
	}
	if c.failed {
		return nil
	}
	err := c.extended(ctx, message)
	if err == nil || errors.Is(err, errGone) || errors.Is(err, errEnded) {
		return err
	}
	c.failed = true
	c.refused(ctx, err)
	return nil
}

// refused answers with an error and aborts the transaction in which it happened.
func (c *session) refused(ctx context.Context, err error) {
	c.spoil(ctx)
	c.sendError(err, "ERROR")
}

// ready tells the client that the next request may come. Portals end with their
// transaction.
func (c *session) ready() error {
	if c.backing.TxStatus() == 'I' {
		clear(c.portals)
		c.transaction = transaction{}
	}
	c.tellSettings()
	c.wire.Send(&pgproto3.ReadyForQuery{TxStatus: c.backing.TxStatus()})
	return c.flush()
}

func (c *session) flush() error {
	if c.wire.Flush() != nil {
		return errGone
	}
	return nil
}

// setting returns the value of a setting, and notes that the client knows it.
func (c *session) setting(name string) string {
	c.told[name] = c.backing.ParameterStatus(name)
	return c.told[name]
}

// tellSettings reports those settings that clients follow and that have changed.
func (c *session) tellSettings() {
	for _, name := range []string{"TimeZone", "DateStyle"} {
		if before := c.told[name]; c.setting(name) != before {
			c.wire.Send(&pgproto3.ParameterStatus{Name: name, Value: c.told[name]})
		}
	}
}

// simple runs the statements of a Query. Several are one transaction, until one of them
// begins or ends another.
// https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
func (c *session) simple(ctx context.Context, text string) error {
	delete(c.prepared, "")
	delete(c.portals, "")
	statements, err := parseAs(text, c.folding)
	if err == nil && len(statements) == 0 {
		c.wire.Send(&pgproto3.EmptyQueryResponse{})
		return c.endRequest(ctx, nil)
	}
	for _, s := range statements {
		if len(statements) > 1 {
			err = c.beginImplicit(ctx, s)
		}
		if err == nil {
			err = c.run(ctx, s, &outlet{portal: &portal{}, describe: true})
		}
		if err != nil {
			break
		}
	}
	if errors.Is(err, errGone) || errors.Is(err, errEnded) {
		return err
	}
	return c.endRequest(ctx, err)
}

// endRequest ends the implicit transaction of a request and answers with the error, if
// there is one.
func (c *session) endRequest(ctx context.Context, err error) error {
	if err != nil {
		c.refused(ctx, err)
	}
	if failed := c.endImplicit(ctx, err != nil); failed != nil {
		c.sendError(failed, "ERROR")
	}
	return nil
}

// extended handles a message of the extended protocol.
func (c *session) extended(ctx context.Context, message pgproto3.FrontendMessage) error {
	switch m := message.(type) {
	case *pgproto3.Parse:
		return c.prepare(m)
	case *pgproto3.Bind:
		return c.bind(ctx, m)
	case *pgproto3.Describe:
		return c.describe(ctx, m)
	case *pgproto3.Execute:
		return c.execute(ctx, m.Portal, int(m.MaxRows))
	case *pgproto3.Close:
		if m.ObjectType == 'S' {
			delete(c.prepared, m.Name)
		} else {
			delete(c.portals, m.Name)
		}
		c.wire.Send(&pgproto3.CloseComplete{})
		return nil
	}
	return ruled("R-020", unknown("message %T", message))
}

// prepare handles Parse.
func (c *session) prepare(m *pgproto3.Parse) error {
	if m.Name == "" {
		delete(c.prepared, "")
	} else if c.prepared[m.Name] != nil {
		return &Refusal{Code: "42P05", Message: fmt.Sprintf("prepared statement %q already exists", m.Name), Rule: "R-014"}
	}
	statements, err := parseAs(m.Query, c.folding)
	if err != nil {
		return err
	}
	if len(statements) > 1 {
		return &Refusal{Code: "42601", Message: "cannot insert multiple commands into a prepared statement", Rule: "R-014"}
	}
	p := &preparation{types: slices.Clone(m.ParameterOIDs)}
	if len(statements) == 1 {
		p.statement = statements[0]
		if p.statement.refusal != nil {
			return p.statement.refusal
		}
		if c.backing.TxStatus() == 'E' && !p.statement.ends() {
			return aborted()
		}
	}
	c.prepared[m.Name] = p
	c.wire.Send(&pgproto3.ParseComplete{})
	return nil
}

// execute handles Execute. The statements up to Sync are one transaction, so a single
// statement that Sync follows at once needs none around it.
func (c *session) execute(ctx context.Context, name string, most int) error {
	p := c.portals[name]
	if p == nil {
		return noPortal(name)
	}
	if p.statement == nil {
		c.wire.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	if p.held != nil {
		return c.handOut(p, most)
	}
	if p.done {
		return &Refusal{Code: "55000", Message: fmt.Sprintf("portal %q cannot be run", name), Rule: "R-015"}
	}
	if !c.lastOfRequest() {
		if err := c.beginImplicit(ctx, p.statement); err != nil {
			return err
		}
	}
	p.done = true
	return c.run(ctx, p.statement, &outlet{portal: p, most: most})
}

// lastOfRequest reports whether Sync comes next. A client that is gone sends nothing
// more, and what it asked for is still done.
func (c *session) lastOfRequest() bool {
	next, err := c.receive()
	if err != nil {
		c.lost = err
		return true
	}
	c.ahead = next
	_, sync := next.(*pgproto3.Sync)
	return sync
}
