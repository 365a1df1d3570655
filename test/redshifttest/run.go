package redshifttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// run runs a statement, with what was injected for it.
func (c *session) run(ctx context.Context, s *statement, p *portal, describe bool) error {
	if err := c.read(ctx, s); err != nil {
		return err
	}
	c.server.record(s.text)
	struck := c.server.faults.struck(s.class, s.text, c.application)
	if struck != nil && !struck.fault.After {
		if err := c.strike(ctx, struck); err != nil {
			return err
		}
	}
	err := c.perform(ctx, s, p, describe)
	c.inTransaction.Store(c.backing.TxStatus() != 'I')
	if struck != nil && struck.fault.After {
		return errors.Join(c.strike(ctx, struck), err)
	}
	return err
}

// strike makes a fault happen.
func (c *session) strike(ctx context.Context, i *Injected) error {
	f := i.fault
	switch {
	case f.Stall < 0:
		<-i.lifted
	case f.Stall > 0:
		timer := time.NewTimer(f.Stall)
		select {
		case <-timer.C:
		case <-i.lifted:
		}
		timer.Stop()
	}
	if f.Drop {
		_ = c.client.Close()
		return errGone
	}
	if f.Code != "" {
		return c.quietly(ctx, fmt.Sprintf("SELECT %s.fault(%s, %s)", catalogueSchema, text(f.Code), text(f.Message)))
	}
	return nil
}

// perform runs a statement on the backing server.
func (c *session) perform(ctx context.Context, s *statement, p *portal, describe bool) error {
	if err := c.unparsed(ctx, s, p); err != nil {
		return err
	}
	if err := c.wide(ctx, s); err != nil {
		return err
	}
	inside := c.backing.TxStatus() != 'I'
	switch {
	case s.alone != "" && inside:
		return c.abort(ctx, &Refusal{Code: "25001", Message: s.alone + " cannot run inside a transaction block"})
	case s.copy != nil:
		return c.copyFrom(ctx, s.copy)
	case s.own != nil:
		if err := c.together(ctx, func() error { return s.own(ctx, c) }); err != nil {
			return err
		}
		c.wire.Send(&pgproto3.CommandComplete{CommandTag: []byte(s.tag)})
		return nil
	case s.class == "BEGIN" && inside:
		c.wire.Send(&pgproto3.NoticeResponse{Severity: "WARNING", Code: "25001", Message: "there is already a transaction in progress"})
	}
	tag, err := c.forward(ctx, s, p, describe)
	if err != nil {
		return err
	}
	if s.commit && inside {
		if err := c.quietly(ctx, "COMMIT"); err != nil {
			return err
		}
	}
	if s.tag != "" {
		tag = s.tag
	}
	c.wire.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	return nil
}

// together runs steps in one transaction: the one that is open, or one of their own.
func (c *session) together(ctx context.Context, steps func() error) error {
	if c.backing.TxStatus() != 'I' {
		err := steps()
		var r *Refusal
		if errors.As(err, &r) && c.backing.TxStatus() == 'T' {
			_ = c.abort(ctx, r) // the transaction is over, as with any error
		}
		return err
	}
	if err := c.quietly(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := steps(); err != nil {
		return errors.Join(err, c.quietly(ctx, "ROLLBACK"))
	}
	return c.quietly(ctx, "COMMIT")
}

// abort refuses a statement in a transaction, which is over with it.
func (c *session) abort(ctx context.Context, r *Refusal) error {
	return c.quietly(ctx, fmt.Sprintf("SELECT %s.fault(%s, %s)", catalogueSchema, text(r.Code), text(r.Message)))
}

// forward runs PostgreSQL's text of a statement and passes its rows on.
func (c *session) forward(ctx context.Context, s *statement, p *portal, describe bool) (tag string, err error) {
	for _, format := range p.results {
		if format != 0 {
			return "", unknown("binary results")
		}
	}
	err = c.bound(ctx, s, func(sql string) (err error) {
		tag, err = c.pass(ctx, sql, p, describe)
		return err
	})
	return tag, err
}

// pass runs a text and passes its rows on.
func (c *session) pass(ctx context.Context, sql string, p *portal, describe bool) (tag string, err error) {
	result := c.backing.ExecParams(ctx, sql, p.values, p.types(), p.formats, nil)
	fields := result.FieldDescriptions()
	if describe && len(fields) > 0 {
		c.wire.Send(described(fields))
	}
	for n := 0; result.NextRow(); n++ {
		c.wire.Send(&pgproto3.DataRow{Values: shown(fields, result.Values())})
		if n%256 == 255 {
			if err := c.wire.Flush(); err != nil {
				_, _ = result.Close()
				return "", errGone
			}
		}
	}
	done, err := result.Close()
	return done.String(), err
}

// types are those that the client gave for its values.
func (p *portal) types() []uint32 {
	if p.preparation == nil {
		return nil
	}
	return p.preparation.types
}
