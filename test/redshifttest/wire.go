package redshifttest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rowshift/test/redshifttest/copyload"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// preparation is a statement of the extended protocol.
type preparation struct {
	statement *statement // nil: an empty one
	types     []uint32
}

// portal is a preparation with its values.
type portal struct {
	*preparation
	values  [][]byte
	formats []int16
	results []int16
}

// maxBinds is how many values a statement may have.
const maxBinds = 32767

// serve answers messages until the client says good-bye, or is gone: false.
func (c *session) serve(ctx context.Context) bool {
	for {
		message, err := c.wire.Receive()
		if err != nil {
			return false
		}
		if _, bye := message.(*pgproto3.Terminate); bye {
			return true
		}
		if err := c.answer(ctx, message); err != nil {
			return false
		}
		c.inTransaction.Store(c.backing.TxStatus() != 'I')
		if c.backing.IsClosed() {
			_ = c.wire.Flush()
			return true // it was terminated
		}
	}
}

// answer handles one message. The error means that the client is gone.
func (c *session) answer(ctx context.Context, message pgproto3.FrontendMessage) error {
	c.tell(message)
	switch m := message.(type) {
	case *pgproto3.Query:
		if err := c.simple(ctx, m.String); err != nil {
			return err
		}
		return c.ready()
	case *pgproto3.Sync:
		c.failed = false
		return c.ready()
	case *pgproto3.Flush:
		return c.wire.Flush()
	}
	if c.failed {
		return nil
	}
	err := c.extended(ctx, message)
	if err == nil || errors.Is(err, errGone) {
		return err
	}
	c.failed = true
	c.sendError(err, "ERROR")
	return nil
}

func (c *session) ready() error {
	c.wire.Send(&pgproto3.ReadyForQuery{TxStatus: c.backing.TxStatus()})
	return c.wire.Flush()
}

// simple runs the statements of one Query: several are one transaction.
func (c *session) simple(ctx context.Context, text string) error {
	statements, err := parse(text)
	if err == nil && len(statements) == 0 {
		c.wire.Send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	whole := err == nil && len(statements) > 1 && c.backing.TxStatus() == 'I' &&
		!slices.ContainsFunc(statements, func(s *statement) bool { return s.class == "BEGIN" || s.class == "COMMIT" || s.class == "ROLLBACK" })
	if whole {
		err = c.quietly(ctx, "BEGIN")
	}
	for _, s := range statements {
		if err == nil {
			err = c.run(ctx, s, &portal{}, true)
		}
	}
	if errors.Is(err, errGone) {
		return err
	}
	if whole {
		last := "COMMIT"
		if err != nil {
			last = "ROLLBACK"
		}
		err = errors.Join(err, c.quietly(ctx, last))
	}
	if err != nil {
		c.sendError(err, "ERROR")
	}
	return nil
}

// quietly runs a statement of the stand-in's own.
func (c *session) quietly(ctx context.Context, sql string) error {
	_, err := c.backing.Exec(ctx, sql).ReadAll()
	return err
}

// extended handles a message of the extended protocol.
func (c *session) extended(ctx context.Context, message pgproto3.FrontendMessage) error {
	switch m := message.(type) {
	case *pgproto3.Parse:
		statements, err := parse(m.Query)
		if err != nil {
			return err
		}
		if len(statements) > 1 {
			return &Refusal{Code: "42601", Message: "cannot insert multiple commands into a prepared statement"}
		}
		p := &preparation{types: slices.Clone(m.ParameterOIDs)}
		if len(statements) == 1 {
			p.statement = statements[0]
		}
		c.prepared[m.Name] = p
		c.wire.Send(&pgproto3.ParseComplete{})
	case *pgproto3.Bind:
		return c.bind(m)
	case *pgproto3.Describe:
		return c.describe(ctx, m)
	case *pgproto3.Execute:
		p := c.portals[m.Portal]
		if p == nil {
			return &Refusal{Code: "34000", Message: fmt.Sprintf("portal %q does not exist", m.Portal)}
		}
		if p.statement == nil {
			c.wire.Send(&pgproto3.EmptyQueryResponse{})
			return nil
		}
		return c.run(ctx, p.statement, p, false)
	case *pgproto3.Close:
		if m.ObjectType == 'S' {
			delete(c.prepared, m.Name)
		} else {
			delete(c.portals, m.Name)
		}
		c.wire.Send(&pgproto3.CloseComplete{})
	default:
		return unknown("message %T", message)
	}
	return nil
}

func (c *session) bind(m *pgproto3.Bind) error {
	p := c.prepared[m.PreparedStatement]
	if p == nil {
		return &Refusal{Code: "26000", Message: fmt.Sprintf("prepared statement %q does not exist", m.PreparedStatement)}
	}
	if len(m.Parameters) > maxBinds {
		return unknown("%d values: at most %d can be bound", len(m.Parameters), maxBinds)
	}
	b := &portal{preparation: p, formats: slices.Clone(m.ParameterFormatCodes), results: slices.Clone(m.ResultFormatCodes)}
	for _, v := range m.Parameters {
		b.values = append(b.values, slices.Clone(v))
	}
	c.portals[m.DestinationPortal] = b
	c.wire.Send(&pgproto3.BindComplete{})
	return nil
}

// describe tells what a statement or portal takes and gives.
func (c *session) describe(ctx context.Context, m *pgproto3.Describe) error {
	p := c.prepared[m.Name]
	if m.ObjectType == 'P' {
		if b := c.portals[m.Name]; b != nil {
			p = b.preparation
		}
	}
	if p == nil {
		return &Refusal{Code: "26000", Message: fmt.Sprintf("prepared statement %q does not exist", m.Name)}
	}
	var fields []pgconn.FieldDescription
	var types []uint32
	if p.statement != nil {
		if err := c.read(ctx, p.statement); err != nil {
			return err
		}
	}
	if p.statement != nil && p.statement.sql != "" && p.statement.class != "BEGIN" {
		err := c.bound(ctx, p.statement, func(sql string) error {
			d, err := c.backing.Prepare(ctx, "", sql, p.types)
			if err == nil {
				fields, types = d.Fields, d.ParamOIDs
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if m.ObjectType == 'S' {
		c.wire.Send(&pgproto3.ParameterDescription{ParameterOIDs: types})
	}
	if len(fields) == 0 {
		c.wire.Send(&pgproto3.NoData{})
		return nil
	}
	c.wire.Send(described(fields))
	return nil
}

// described is a RowDescription with Redshift's types.
func described(fields []pgconn.FieldDescription) *pgproto3.RowDescription {
	d := &pgproto3.RowDescription{}
	for _, f := range fields {
		oid := f.DataTypeOID
		switch oid {
		case 25: // text: an expression's strings are VARCHAR
			oid = 1043
		case 3802: // jsonb: SUPER
			oid = 4000
		case 17: // bytea: VARBYTE
			oid = 6551
		}
		d.Fields = append(d.Fields, pgproto3.FieldDescription{
			Name: []byte(f.Name), DataTypeOID: oid, DataTypeSize: f.DataTypeSize, TypeModifier: f.TypeModifier, Format: f.Format,
		})
	}
	return d
}

// sendError answers with an error, in Redshift's words where PostgreSQL has others.
func (c *session) sendError(err error, severity string) {
	r := &pgproto3.ErrorResponse{Severity: severity, Code: "XX000", Message: err.Error()}
	var refusal *Refusal
	var fault *pgconn.PgError
	var load *copyload.Error
	switch {
	case errors.As(err, &refusal):
		r.Code, r.Message, r.Detail = refusal.Code, refusal.Message, refusal.Detail
		for _, told := range refusal.Told {
			c.wire.Send(&pgproto3.NoticeResponse{Severity: "INFO", Code: "00000", Message: told})
		}
		if refusal.Rule != "" {
			r.Hint = refusal.Rule + " of the stand-in's RULES.md"
		}
	case errors.As(err, &load):
		r.Code, r.Message, r.Detail = load.SQLState, load.Message, load.Detail
	case errors.As(err, &fault):
		r.Code, r.Message, r.Detail = fault.Code, fault.Message, fault.Detail
		c.translate(fault, r)
	}
	c.wire.Send(r)
}

// translate puts Redshift's words for PostgreSQL's.
func (c *session) translate(fault *pgconn.PgError, r *pgproto3.ErrorResponse) {
	switch {
	case fault.Code == "40001" && c.server.options.Isolation == Serializable:
		r.Code, r.Message = "XX000", "1023"
		r.Detail = "Serializable isolation violation on table - 1, transactions forming the cycle are: 1, 2 (pid:1)"
	case fault.Code == "40001":
		r.Code, r.Message = "XX000", "could not complete because of conflict with concurrent transaction"
	}
}
