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
// binary. Binary costs the server less, and is rendered to the same text here.
// https://www.postgresql.org/docs/current/protocol-logical-replication.html
type Format string

// The formats.
const (
	Auto   Format = "" // Binary where every column that crosses can be rendered, else Text
	Text   Format = "text"
	Binary Format = "binary"
)

// errUnrendered is the cause of the Altered for rows that came in binary and cannot be
// rendered.
var errUnrendered = errors.New("postgres: its values are not rendered from their binary form")

// textOnly remembers what was sent in binary and could not be read, so that it is asked for
// as text. The stream and the sessions of snapshots use it.
type textOnly struct {
	mu     sync.Mutex
	log    replicator.LSN  // a stream that begins at or before it is sent as text
	tables map[uint32]bool // by OID: those that are loaded as text
}

// addLog notes that streams that begin at or before a position have to be sent as text.
func (t *textOnly) addLog(at replicator.LSN) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = max(t.log, at)
}

// hasLog reports whether a stream that begins after a position has to be sent as text.
func (t *textOnly) hasLog(after replicator.LSN) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.log > 0 && after <= t.log
}

// addTable notes that a table has to be loaded as text.
func (t *textOnly) addTable(oid uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tables == nil {
		t.tables = map[uint32]bool{}
	}
	t.tables[oid] = true
}

// hasTable reports whether a table has to be loaded as text.
func (t *textOnly) hasTable(oid uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tables[oid]
}

// formatFor chooses how a stream that begins after a position is sent, by the columns that
// will cross according to the catalogue as it is now. What the log has from before is seen
// only when it comes. The error is a *replicator.Halt if the operator wants binary and that
// cannot be.
func (o *Origin) formatFor(ctx context.Context, q querier, s server, after replicator.LSN) (Format, error) {
	if o.options.Format == Text || o.textOnly.hasLog(after) {
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

// formatHalt returns the Halt for columns that cannot be rendered, where the operator wants
// the binary format.
func formatHalt(found []string) *replicator.Halt {
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  "source.protocol_format is binary, and " + strings.Join(found, ", "),
		Means:  "their values are read as text only",
		Repair: "set source.protocol_format: auto",
	}
}

// unrendered describes the columns that cross the wire, chosen or not, whose values cannot
// be rendered. Those that are not chosen count too, because the server may fail to make a
// binary form of them.
func (o *Origin) unrendered(ctx context.Context, q querier, s server) (found []string, err error) {
	relations, err := o.relations(ctx, q)
	if err != nil {
		return nil, err
	}
	tables, _ := resolve(relations, o.options.Choices, o.known, s.major()) // what is wrong with the others is reported elsewhere
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

// formsOf returns how the values of a table's columns are rendered, nil if not all can be.
func formsOf(t *schema.Table, major int) []render.Form {
	forms := make([]render.Form, len(t.Columns))
	for i, c := range t.Columns {
		if forms[i] = render.Of(c.Type, major); forms[i] == nil {
			return nil
		}
	}
	return forms
}

// formsFor returns, by OID, how to render those of the tables that a load reads in binary.
// The others are read as text.
func (o *Origin) formsFor(ctx context.Context, q querier, tables []*schema.Table) (map[uint32][]render.Form, error) {
	s, err := serverOf(ctx, q)
	if err != nil {
		return nil, err
	}
	all := map[uint32][]render.Form{}
	for _, t := range tables {
		if o.options.Format != Text && !o.textOnly.hasTable(t.OID) {
			all[t.OID] = formsOf(t, s.major())
		}
	}
	return all, nil
}

// form returns how to render the values of a Relation message's column c, which is column i
// of the table; it may have had another type then. It returns nil if they cannot be
// rendered.
func (known chosen) form(c relationColumn, i int) render.Form {
	if t := known.table.Columns[i].Type; t.OID == c.oid {
		return render.Of(t, known.major)
	}
	return render.Of(schema.Type{OID: c.oid, Base: c.oid}, known.major)
}

// render sets how the rows of the relation are rendered, or that they are misread because
// they cannot be. places are the places of the message's columns in the table.
func (r *relation) render(known chosen, m relationMessage, places []int) {
	r.forms = make([]render.Form, len(places))
	for i, column := range places {
		if column < 0 {
			continue
		}
		if r.forms[i] = known.form(m.columns[i], column); r.forms[i] == nil {
			r.misread = &replicator.Altered{
				Found: fmt.Sprintf("column %q of %v comes with the type with OID %d in the binary format; the stream is opened again as text", m.columns[i].name, known.table.Name, m.columns[i].oid),
				Cause: errUnrendered,
			}
			return
		}
	}
}
