package redshifttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rowshift/test/redshifttest/copyload"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// run runs a statement, with what was injected for it.
func (c *session) run(ctx context.Context, s *statement, p *portal, describe bool) error {
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
	result := c.backing.ExecParams(ctx, s.sql, p.values, p.types(), p.formats, nil)
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

// copyFrom loads files, through the engine, into the backing server.
func (c *session) copyFrom(ctx context.Context, copying *copying) error {
	if err := c.mayAssume(copying.role); err != nil {
		return c.abortOutside(ctx, err)
	}
	columns, err := c.columns(ctx, copying)
	if err != nil {
		return err
	}
	spec := copying.spec
	spec.Table, spec.Columns, spec.PID = copying.shown, columns, int(c.backing.PID())
	o := c.server.options
	store, err := copyload.NewS3Store(ctx, copyload.S3Options{Endpoint: o.S3Endpoint, Region: o.S3Region, AccessKey: o.S3AccessKey, SecretKey: o.S3SecretKey})
	if err != nil {
		return err
	}
	var names []string
	for _, column := range columns {
		names = append(names, quote(column.Name))
	}
	read, write := io.Pipe()
	var result copyload.Result
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, failed = copyload.Load(ctx, spec, store, write)
		_ = write.CloseWithError(failed)
	}()
	_, err = c.backing.CopyFrom(ctx, read, "COPY "+copying.table+" ("+strings.Join(names, ", ")+") FROM STDIN")
	_ = read.CloseWithError(io.ErrClosedPipe)
	<-done
	if failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		return errors.Join(failed, c.remember(ctx, result.Errors))
	}
	if err != nil {
		return err
	}
	if err := c.quietly(ctx, fmt.Sprintf("SELECT set_config('redshift.copied', '%d', false)", result.Rows)); err != nil {
		return err
	}
	c.wire.Send(&pgproto3.NoticeResponse{
		Severity: "INFO", Code: "00000",
		Message: fmt.Sprintf("Load into table '%s' completed, %d record(s) loaded successfully.", copying.shown, result.Rows),
	})
	c.wire.Send(&pgproto3.CommandComplete{CommandTag: []byte("COPY")})
	return nil
}

// abortOutside refuses a statement, with the transaction that it runs in, if any.
func (c *session) abortOutside(ctx context.Context, r *Refusal) error {
	if c.backing.TxStatus() == 'I' {
		return r
	}
	return c.abort(ctx, r)
}

func (c *session) mayAssume(role string) *Refusal {
	for _, allowed := range c.server.options.Roles {
		if allowed == role {
			return nil
		}
	}
	if len(c.server.options.Roles) == 0 {
		return nil
	}
	return &Refusal{Code: "XX000", Message: "User arn:aws:redshift:us-east-1:123456789012:dbuser:stand-in/" + c.user + " is not authorized to assume IAM Role " + role}
}

// remember writes load errors where they outlive the transaction.
func (c *session) remember(ctx context.Context, errs []copyload.LoadError) error {
	config := c.server.backing.Copy()
	config.Database = c.server.options.Database
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, e := range errs {
		_, err := conn.Exec(ctx, "INSERT INTO "+catalogueSchema+`.load_error VALUES (100, 0, 0, now(), $1, 0, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			int(c.backing.PID()), e.FileName, e.LineNumber, e.Column, e.Type, e.ColLength, e.Position, e.RawLine, e.RawField, e.Code, e.Reason)
		if err != nil {
			return err
		}
	}
	return nil
}

// columnsQuery reads the columns of a table as COPY fills them.
const columnsQuery = `SELECT a.attname::text, format_type(a.atttypid, NULL), coalesce(` + catalogueSchema + `.bytes(a.attrelid, a.attname), 0), a.attnotnull,
	coalesce(pg_get_expr(d.adbin, d.adrelid), ''), (a.atttypmod - 4) >> 16, (a.atttypmod - 4) & 2047
	FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

// columns returns the columns that a COPY fills, in its order.
func (c *session) columns(ctx context.Context, copying *copying) ([]copyload.Column, error) {
	result := c.backing.ExecParams(ctx, columnsQuery, [][]byte{[]byte(copying.table)}, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	byName := map[string]copyload.Column{}
	var all []copyload.Column
	for _, r := range result.Rows {
		column := copyload.Column{Name: string(r[0]), Type: loadType(string(r[1]), string(r[2])+" "+string(r[5])+" "+string(r[6])), NotNull: string(r[3]) == "t"}
		byName[quote(column.Name)] = column
		all = append(all, column)
	}
	if len(copying.columns) == 0 {
		return all, nil
	}
	var chosen []copyload.Column
	for _, name := range copying.columns {
		column, ok := byName[name]
		if !ok {
			return nil, &pgconn.PgError{Code: "42703", Message: fmt.Sprintf("column %s of relation %q does not exist", name, copying.shown)}
		}
		chosen = append(chosen, column)
	}
	return chosen, nil
}

// loadType is the type of a column by PostgreSQL's name for it, and its length in
// bytes, precision and scale.
func loadType(name, numbers string) copyload.Type {
	var t copyload.Type
	_, _ = fmt.Sscan(numbers, &t.Length, &t.Precision, &t.Scale)
	t.Kind = loadKinds[name]
	if t.Kind == 0 {
		t.Kind = copyload.Varchar
	}
	if t.Kind != copyload.Decimal {
		t.Precision, t.Scale = 0, 0
	}
	if t.Kind == copyload.Varchar && t.Length == 0 {
		t.Length = maxVarchar
	}
	return t
}

var loadKinds = map[string]copyload.Kind{
	"smallint": copyload.SmallInt, "integer": copyload.Integer, "bigint": copyload.BigInt, "real": copyload.Real,
	"double precision": copyload.Double, "boolean": copyload.Boolean, "character varying": copyload.Varchar, "character": copyload.Char,
	"date": copyload.Date, "time without time zone": copyload.Time, "time with time zone": copyload.TimeTZ, "bytea": copyload.Varbyte,
	"timestamp without time zone": copyload.Timestamp, "timestamp with time zone": copyload.TimestampTZ, "numeric": copyload.Decimal,
	catalogueSchema + ".super": copyload.Super, "super": copyload.Super, "jsonb": copyload.Super,
}
