package redshifttest

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// preparation is a prepared statement of the extended protocol.
type preparation struct {
	statement *statement // nil: an empty one
	types     []uint32   // as the client gave them, 0 where it gave none
}

// portal is a prepared statement with the values that are bound to it.
type portal struct {
	*preparation
	values  [][]byte
	formats []int16
	results []int16

	done bool
	held *heldRows // the rows that a row limit left over
}

// heldRows are rows that were read at once and are handed out piece by piece.
type heldRows struct {
	rows [][][]byte
	tag  string
}

// outlet says where and how a statement's rows are sent.
type outlet struct {
	*portal
	describe bool // send a RowDescription first
	most     int  // send this many rows, and the others when they are asked for; 0: all
}

// maxBinds is how many values may be bound to a statement.
// https://github.com/aws/amazon-redshift-jdbc-driver takes their number for a Short.MAX_VALUE
const maxBinds = 32767

func noPortal(name string) *Refusal {
	return &Refusal{Code: "34000", Message: fmt.Sprintf("portal %q does not exist", name), Rule: "R-015"}
}

func noPreparation(name string) *Refusal {
	return &Refusal{Code: "26000", Message: fmt.Sprintf("prepared statement %q does not exist", name), Rule: "R-014"}
}

// bind handles Bind.
func (c *session) bind(ctx context.Context, m *pgproto3.Bind) error {
	p := c.prepared[m.PreparedStatement]
	if p == nil {
		return noPreparation(m.PreparedStatement)
	}
	if len(m.Parameters) > maxBinds {
		return ruled("R-013", unknown("%d values: at most %d can be bound", len(m.Parameters), maxBinds))
	}
	if m.DestinationPortal != "" && c.portals[m.DestinationPortal] != nil {
		return &Refusal{Code: "42P03", Message: fmt.Sprintf("portal %q already exists", m.DestinationPortal), Rule: "R-015"}
	}
	b := &portal{preparation: p, formats: slices.Clone(m.ParameterFormatCodes), results: slices.Clone(m.ResultFormatCodes)}
	for _, v := range m.Parameters {
		b.values = append(b.values, slices.Clone(v))
	}
	if err := c.checkValues(ctx, b); err != nil {
		return err
	}
	c.portals[m.DestinationPortal] = b
	c.wire.Send(&pgproto3.BindComplete{})
	return nil
}

// The OIDs of the types whose binary form is PostgreSQL's. For others that is not known,
// so the stand-in refuses them: nobody is to rely on a guess.
// https://github.com/aws/amazon-redshift-python-driver, redshift_connector/utils/oids.py
const (
	oidBool = 16
	oidInt8 = 20
	oidInt2 = 21
	oidInt4 = 23
)

func binaryAllowed(oid uint32) bool {
	return oid == oidBool || oid == oidInt8 || oid == oidInt2 || oid == oidInt4
}

// format returns the format of the nth of several values. No formats mean text, and a
// single one is for all values.
func format(formats []int16, n int) int16 {
	switch {
	case len(formats) == 0:
		return 0
	case len(formats) == 1:
		return formats[0]
	case n < len(formats):
		return formats[n]
	}
	return 0
}

// checkValues refuses binary values of types whose binary form may differ on Redshift.
func (c *session) checkValues(ctx context.Context, p *portal) error {
	if p.statement == nil {
		return nil
	}
	var types []uint32
	for n := range p.values {
		if format(p.formats, n) == 0 {
			continue
		}
		if types == nil {
			var err error
			if _, types, err = c.shape(ctx, p.preparation); err != nil {
				return err
			}
		}
		if n >= len(types) || !binaryAllowed(types[n]) {
			return ruled("R-011", unknown("parameter $%d in binary: only integers and booleans are, here", n+1))
		}
	}
	return nil
}

// shape asks the backing server which values a statement takes and which columns it
// returns.
func (c *session) shape(ctx context.Context, p *preparation) ([]pgconn.FieldDescription, []uint32, error) {
	s := p.statement
	if s == nil || s.ends() || s.class == "BEGIN" {
		return nil, nil, nil
	}
	if c.backing.TxStatus() == 'E' {
		return nil, nil, aborted()
	}
	if s.later == nil && s.sql == "" {
		return nil, nil, nil
	}
	if s.class == "FETCH" || s.class == "CLOSE" || s.class == "LOCK" {
		return c.fetchShape(ctx, s)
	}
	on, err := c.reader(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	if on == c.backing {
		if err := c.lockTarget(ctx, s); err != nil { // before the snapshot, which PostgreSQL takes when it analyzes the statement
			return nil, nil, err
		}
	}
	if err := c.read(ctx, s); err != nil || s.sql == "" {
		return nil, nil, err
	}
	named, err := c.namedBy(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	var d *pgconn.StatementDescription
	err = c.bound(ctx, s, named, func(sql string) (err error) {
		d, err = on.Prepare(ctx, "", sql, p.types)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return d.Fields, d.ParamOIDs, nil
}

// fetchShape is shape for statements that take no values and read no tables.
func (c *session) fetchShape(ctx context.Context, s *statement) ([]pgconn.FieldDescription, []uint32, error) {
	if s.class != "FETCH" || c.transaction.cursor == "" {
		return nil, nil, nil
	}
	d, err := c.backing.Prepare(ctx, "", s.sql, nil)
	if err != nil {
		return nil, nil, err
	}
	return d.Fields, nil, nil
}

// describe answers Describe for a statement or a portal.
func (c *session) describe(ctx context.Context, m *pgproto3.Describe) error {
	p := c.prepared[m.Name]
	var results []int16
	if m.ObjectType == 'P' {
		b := c.portals[m.Name]
		if b == nil {
			return noPortal(m.Name)
		}
		p, results = b.preparation, b.results
	}
	if p == nil {
		return noPreparation(m.Name)
	}
	fields, types, err := c.shape(ctx, p)
	if err != nil {
		return err
	}
	if m.ObjectType == 'S' {
		c.wire.Send(&pgproto3.ParameterDescription{ParameterOIDs: redshiftTypes(types)})
	}
	if len(fields) == 0 {
		c.wire.Send(&pgproto3.NoData{})
		return nil
	}
	c.wire.Send(described(fields, results))
	return nil
}

func redshiftTypes(types []uint32) []uint32 {
	own := make([]uint32, len(types))
	for n, oid := range types {
		own[n] = redshiftType(oid)
	}
	return own
}

// redshiftType returns Redshift's OID for a type.
// https://github.com/aws/amazon-redshift-python-driver, redshift_connector/utils/oids.py
func redshiftType(oid uint32) uint32 {
	switch oid {
	case 25: // text: strings that an expression returns are VARCHAR
		return 1043
	case jsonbOID: // SUPER
		return 4000
	case byteaOID: // VARBYTE
		return 6551
	}
	return oid
}

// described returns a RowDescription with Redshift's types.
func described(fields []pgconn.FieldDescription, results []int16) *pgproto3.RowDescription {
	d := &pgproto3.RowDescription{}
	for n, f := range fields {
		d.Fields = append(d.Fields, pgproto3.FieldDescription{
			Name: []byte(shownSetting(f.Name)), DataTypeOID: redshiftType(f.DataTypeOID), DataTypeSize: f.DataTypeSize,
			TypeModifier: f.TypeModifier, Format: format(results, n),
		})
	}
	return d
}

// checkResults refuses columns that the client wants in binary and the stand-in sends as
// text only.
func checkResults(fields []pgconn.FieldDescription, results []int16) error {
	for n, f := range fields {
		if format(results, n) != 0 && !binaryAllowed(f.DataTypeOID) {
			return ruled("R-010", unknown("column %q in binary: only integers and booleans are, here", f.Name))
		}
	}
	return nil
}

// formatted returns a value, given as text, in the wanted format.
func formatted(value []byte, oid uint32, format int16) []byte {
	if format == 0 || value == nil {
		return value
	}
	var n int64
	switch {
	case oid == oidBool && string(value) == "t":
		return []byte{1}
	case oid == oidBool:
		return []byte{0}
	default:
		_, _ = fmt.Sscan(string(value), &n)
	}
	switch oid {
	case oidInt2:
		return binary.BigEndian.AppendUint16(nil, uint16(n))
	case oidInt4:
		return binary.BigEndian.AppendUint32(nil, uint32(n))
	}
	return binary.BigEndian.AppendUint64(nil, uint64(n))
}

// handOut sends the next rows of a portal.
func (c *session) handOut(p *portal, most int) error {
	n := len(p.held.rows)
	if most > 0 && most < n {
		n = most
	}
	for _, row := range p.held.rows[:n] {
		c.wire.Send(&pgproto3.DataRow{Values: row})
	}
	p.held.rows = p.held.rows[n:]
	if most > 0 && n == most {
		c.wire.Send(&pgproto3.PortalSuspended{})
		return nil
	}
	c.wire.Send(&pgproto3.CommandComplete{CommandTag: []byte(p.held.tag)})
	return nil
}
