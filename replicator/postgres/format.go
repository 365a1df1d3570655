package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
	"rowshift/schema"
)

// Format says how the server sends values: as the text of their output functions, or in
// the binary form, which costs it less and is rendered to the same text here.
// https://www.postgresql.org/docs/current/protocol-logical-replication.html
type Format string

// The formats.
const (
	Auto   Format = "" // Binary where every column that crosses can be rendered, else Text
	Text   Format = "text"
	Binary Format = "binary"
)

// errUnrendered is wrapped by the Altered for rows that came in binary and cannot be
// rendered.
var errUnrendered = errors.New("postgres: its values are not rendered from their binary form")

// astray remembers what was sent in binary and could not be read. It is used by the
// stream and by the sessions of snapshots.
type astray struct {
	mu     sync.Mutex
	log    replicator.LSN  // a stream that begins at or before it is read as text
	tables map[uint32]bool // by OID: they are loaded as text
}

// reached tells that the log is to be read as text up to a position, and a bit behind.
func (a *astray) reached(at replicator.LSN) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = max(a.log, at)
}

// from tells whether a stream that begins at a position is to be read as text.
func (a *astray) from(after replicator.LSN) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log > 0 && after <= a.log
}

// loaded tells that a table is to be loaded as text.
func (a *astray) loaded(oid uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tables == nil {
		a.tables = map[uint32]bool{}
	}
	a.tables[oid] = true
}

func (a *astray) holds(oid uint32) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tables[oid]
}

// formatFor chooses how a stream is sent that begins behind a position, by the columns
// that will cross as the catalogue is now. What it brings of before is seen when it
// comes. The error is a *replicator.Halt if the operator wants what cannot be.
func (o *Origin) formatFor(ctx context.Context, q querier, s server, after replicator.LSN) (Format, error) {
	if o.options.Format == Text || o.astray.from(after) {
		return Text, nil
	}
	found, err := o.unrendered(ctx, q, s)
	switch {
	case err != nil:
		return Text, err
	case len(found) == 0:
		return Binary, nil
	case o.options.Format == Binary:
		return Text, formatHalt(found)
	}
	return Text, nil
}

// formatHalt is the Halt for columns that cannot be rendered, where the operator wants
// the binary format.
func formatHalt(found []string) *replicator.Halt {
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  "source.protocol_format is binary, and " + strings.Join(found, ", "),
		Means:  "their values are read as text only",
		Repair: "set source.protocol_format: auto",
	}
}

// unrendered names the columns that cross the wire, chosen or not, whose values cannot be
// rendered. Of one that is not chosen the server may still fail to make a binary form.
func (o *Origin) unrendered(ctx context.Context, q querier, s server) (found []string, err error) {
	relations, err := o.relations(ctx, q)
	if err != nil {
		return nil, err
	}
	tables, _ := resolve(relations, o.options.Choices, o.known, s.major()) // what is wrong with others is told elsewhere
	for _, t := range tables {
		listed := map[string]bool{}
		for _, c := range t.Columns {
			listed[c.Name] = true
		}
		for _, a := range relations.all[relations.byOID[t.OID]].Attributes {
			if (listed[a.Name] || !t.Listed) && render.Of(a.Type, s.major()) == nil {
				found = append(found, fmt.Sprintf("column %q of %v has type %s", a.Name, t.Name, a.Type.Name))
			}
		}
	}
	return found, nil
}

// formsOf returns how the values of a table's columns are rendered; nil if not all are.
func formsOf(t *schema.Table, major int) []render.Form {
	forms := make([]render.Form, len(t.Columns))
	for i, c := range t.Columns {
		if forms[i] = render.Of(c.Type, major); forms[i] == nil {
			return nil
		}
	}
	return forms
}

// formsFor returns how those of the tables are rendered that a load reads in binary.
func (o *Origin) formsFor(ctx context.Context, q querier, tables []*schema.Table) (map[uint32][]render.Form, error) {
	s, err := serverOf(ctx, q)
	if err != nil {
		return nil, err
	}
	all := map[uint32][]render.Form{}
	for _, t := range tables {
		if o.options.Format != Text && !o.astray.holds(t.OID) {
			all[t.OID] = formsOf(t, s.major())
		}
	}
	return all, nil
}

// form returns how the values of a column of a Relation message are rendered, which is
// column i of the table, or was: of another type then. Nil if they cannot be.
func (known chosen) form(c relationColumn, i int) render.Form {
	if t := known.table.Columns[i].Type; t.OID == c.oid {
		return render.Of(t, known.major)
	}
	return render.Of(schema.Type{OID: c.oid, Base: c.oid}, known.major)
}

// render says how the rows of a relation are rendered whose columns have those places in
// the table, or that they cannot be.
func (r *relation) render(known chosen, m relationMessage, places []int) {
	r.forms = make([]render.Form, len(places))
	for i, column := range places {
		if column < 0 {
			continue
		}
		if r.forms[i] = known.form(m.columns[i], column); r.forms[i] == nil {
			r.unfit = &replicator.Altered{
				Found: fmt.Sprintf("column %q of %v comes with the type with OID %d in the binary format; the stream is opened again as text", m.columns[i].name, known.table.Name, m.columns[i].oid),
				Cause: errUnrendered,
			}
			return
		}
	}
}
