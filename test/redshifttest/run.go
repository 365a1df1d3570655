package redshifttest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// run runs a statement, and the faults that were injected for it.
func (c *session) run(ctx context.Context, s *statement, out *outlet) error {
	c.query = c.server.queries.Add(1)
	c.running.begin(c.query)
	c.asked.Store(&s.asked)
	defer c.running.end()
	if limit := c.server.limit(s.class); limit != nil {
		return limit
	}
	struck := c.server.faults.struck(s.class, s.text, c.application)
	if struck != nil && !struck.fault.After {
		if err := c.strike(ctx, s, struck); err != nil {
			return err
		}
	}
	err := c.perform(ctx, s, out)
	if err == nil {
		c.follow(s)
	}
	c.inTransaction.Store(c.backing.TxStatus() != 'I')
	if c.lost != nil && err == nil {
		err = c.lost // the client left before the statement ran
	}
	if struck != nil && struck.fault.After {
		return errors.Join(c.strike(ctx, s, struck), err)
	}
	return c.interrupted(err)
}

// interrupted replaces the error of a statement that was cancelled by what its client is
// told.
func (c *session) interrupted(err error) error {
	select {
	case <-c.running.struck():
	default:
		return err
	}
	if err == nil || errors.Is(err, errGone) || errors.Is(err, errEnded) {
		return err
	}
	return &pgconn.PgError{Severity: "ERROR", Code: "57014", Message: "cancelled"}
}

// pause waits, unless the statement is interrupted.
func (c *session) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.running.struck():
	}
}

// strike makes a fault happen.
func (c *session) strike(ctx context.Context, s *statement, i *Injected) error {
	f := i.fault
	var over <-chan time.Time
	if f.Stall > 0 {
		timer := time.NewTimer(f.Stall)
		defer timer.Stop()
		over = timer.C
	}
	if f.Stall != 0 {
		select {
		case <-over:
		case <-i.lifted:
		case <-c.running.struck():
			return c.interrupted(errStalled)
		}
	}
	if f.Restart > 0 {
		c.server.restartLater(f.Restart)
		return errEnded
	}
	if f.Drop {
		_ = c.client.Close()
		return errGone
	}
	if f.Code == "" {
		return nil
	}
	if s.ends() && c.backing.TxStatus() != 'I' { // a COMMIT that fails has ended its transaction
		if err := c.quietly(ctx, "ROLLBACK"); err != nil {
			return err
		}
	}
	return c.fault(f)
}

var errStalled = errors.New("redshifttest: interrupted")

// fault returns the error with which a fault answers.
func (c *session) fault(f Fault) error {
	r := &Refusal{Code: f.Code, Message: f.Message}
	if f.Message == "1023" {
		r.Detail = c.violation()
	}
	return r
}

// perform runs a statement on the backing server.
func (c *session) perform(ctx context.Context, s *statement, out *outlet) error {
	if s.refusal != nil {
		return s.refusal
	}
	if c.backing.TxStatus() == 'E' && !s.ends() {
		return aborted()
	}
	if s.target == "" {
		if err := c.read(ctx, s); err != nil {
			return err
		}
	}
	if err := errors.Join(c.refuseInside(s), c.checkCursor(s)); err != nil {
		return err
	}
	switch {
	case s.class == "BEGIN":
		return c.beginBlock(ctx, s)
	case s.ends():
		return c.endBlock(ctx, s)
	case s.class == "LOCK":
		if err := c.checkLock(ctx, s); err != nil {
			return err
		}
	case s.cancels != 0:
		return c.cancelStatement(ctx, s)
	}
	tag := ""
	locked := func() (err error) {
		tag, err = c.locked(ctx, s, out)
		return err
	}
	around := func(steps func() error) error { return steps() }
	if s.target != "" || s.own != nil {
		around = func(steps func() error) error { return c.together(ctx, steps) }
	}
	if err := around(locked); err != nil {
		return err
	}
	if s.commit && c.backing.TxStatus() != 'I' {
		c.transaction.wrote = true
		if err := c.commit(ctx); err != nil {
			return err
		}
		c.transaction = transaction{}
	}
	return c.finish(s, tag, out)
}

// settle ends the transaction that was begun for one statement alone.
func (c *session) settle(ctx context.Context, err error) error {
	if err == nil {
		return c.commit(ctx)
	}
	if c.backing.TxStatus() != 'I' && !c.backing.IsClosed() {
		return errors.Join(err, c.quietly(ctx, "ROLLBACK"))
	}
	return err
}

// together runs steps in one transaction: the open one, or a new one.
func (c *session) together(ctx context.Context, steps func() error) error {
	if c.backing.TxStatus() != 'I' {
		return steps()
	}
	if err := c.quietly(ctx, "BEGIN"); err != nil {
		return err
	}
	c.transaction = transaction{number: c.server.transactions.Add(1)}
	return c.settle(ctx, steps())
}

// locked runs a statement after it has taken its table's lock.
func (c *session) locked(ctx context.Context, s *statement, out *outlet) (tag string, err error) {
	if err := c.lockTarget(ctx, s); err != nil {
		return "", err
	}
	if err := c.read(ctx, s); err != nil {
		return "", err
	}
	if err := c.unparsed(ctx, s, out.portal); err != nil {
		return "", err
	}
	named, err := c.namedBy(ctx, s)
	if err != nil {
		return "", err
	}
	if err := c.wide(ctx, s, named); err != nil {
		return "", err
	}
	if err := c.seek(ctx, s); err != nil {
		return "", err
	}
	switch {
	case s.copy != nil:
		return "COPY", c.copyFrom(ctx, s.copy)
	case s.own != nil:
		return s.tag, s.own(ctx, c)
	}
	return c.forward(ctx, s, named, out)
}

// finish sends what is left of the answer to a statement.
func (c *session) finish(s *statement, tag string, out *outlet) error {
	if cost := c.server.options.RowCost; cost > 0 {
		if n := pgconn.NewCommandTag(tag).RowsAffected(); n > 0 && s.target != "" {
			c.pause(cost * time.Duration(n))
		}
	}
	if s.tag != "" {
		tag = s.tag
	}
	if out.held != nil {
		out.held.tag = tag
		return c.handOut(out.portal, out.most)
	}
	c.complete(tag)
	return nil
}

// forward runs PostgreSQL's text of a statement and passes its rows on. It runs to the
// end even if nobody takes the rows.
func (c *session) forward(ctx context.Context, s *statement, named []relation, out *outlet) (tag string, err error) {
	on, err := c.reader(ctx, s)
	if err != nil {
		return "", err
	}
	if err := c.tellSessions(ctx, s, on); err != nil {
		return "", err
	}
	err = c.bound(ctx, s, named, func(sql string) (err error) {
		tag, err = c.pass(ctx, on, sql, out)
		return err
	})
	return tag, err
}

// pass runs a text and passes its rows on.
func (c *session) pass(ctx context.Context, on *pgconn.PgConn, sql string, out *outlet) (tag string, err error) {
	result := on.ExecParams(ctx, sql, out.values, out.types(), out.formats, nil)
	fields := slices.Clone(result.FieldDescriptions())
	refused := checkResults(fields, out.results)
	if out.describe && len(fields) > 0 {
		c.wire.Send(described(fields, out.results))
	}
	if out.most > 0 && len(fields) > 0 {
		out.held = &heldRows{}
	}
	gone := false
	for n := 0; result.NextRow(); n++ {
		if refused == nil {
			refused = c.overflow(fields, result.Values())
		}
		if refused != nil || gone {
			continue
		}
		row := make([][]byte, len(fields))
		for i, value := range shown(fields, result.Values()) {
			row[i] = formatted(value, fields[i].DataTypeOID, format(out.results, i))
		}
		if out.held != nil {
			out.held.rows = append(out.held.rows, cloned(row))
			continue
		}
		c.wire.Send(&pgproto3.DataRow{Values: row})
		gone = n%256 == 255 && c.wire.Flush() != nil
	}
	done, err := result.Close()
	return done.String(), errors.Join(err, refused)
}

// cloned returns a copy of a row that stays valid after the next row is read.
func cloned(row [][]byte) [][]byte {
	own := make([][]byte, len(row))
	for i, value := range row {
		own[i] = slices.Clone(value)
	}
	return own
}

// quietly runs a statement of the stand-in's own.
func (c *session) quietly(ctx context.Context, sql string) error {
	_, err := c.backing.Exec(ctx, sql).ReadAll()
	return err
}

// types returns the types that the client gave for its values.
func (p *portal) types() []uint32 {
	if p.preparation == nil {
		return nil
	}
	return p.preparation.types
}
