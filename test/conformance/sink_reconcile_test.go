package conformance

import (
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// reconciled are tables that join together. They differ in how their columns are
// compared.
var reconciled = []struct {
	columns       string
	was, is, want []string // rows in SQL: those of the target, those of its load table, and those that the target has afterwards
}{
	{"id int8, n int4",
		[]string{"1, 1", "2, 2", "3, NULL", "4, 4"}, []string{"1, 1", "2, 7", "3, 3", "5, 5"}, []string{"1|1", "2|7", "3|3", "5|5"}},
	{"id int8, n int4, body text VARCHAR(40)",
		[]string{"1, 1, 'x'", "2, 2, 'x'", "3, 3, NULL", "4, 4, 'x'"}, []string{"1, 1, 'x'", "2, 2, 'x '", "3, 3, 'y'", "5, 5, ''"}, []string{"1|1|x", "2|2|x ", "3|3|y", "5|5|"}},
	{"id int8, body text VARCHAR(40), n int4",
		[]string{"1, 'x', 1", "2, 'x', 2", "4, 'x', 4"}, []string{"1, 'x', 1", "2, 'x ', 2", "5, '', NULL"}, []string{"1|x|1", "2|x |2", "5||NULL"}},
	{"word text VARCHAR(40), n int4",
		[]string{"'a', 1", "'b', 2", "'c ', 3"}, []string{"'a', 1", "'b', NULL", "'c', 3"}, []string{"a|1", "b|NULL", "c|3"}},
	{"word text VARCHAR(40), body text VARCHAR(40), n int4",
		[]string{"'a', 'x', 1", "'b', 'x', 2", "'c ', 'x', 3"}, []string{"'a', 'x', 1", "'b', 'x ', 2", "'c', 'x', 3"}, []string{"a|x|1", "b|x |2", "c|x|3"}},
	{"id int8, doc jsonb SUPER",
		[]string{"1, JSON_PARSE('[1]')", "2, NULL", "3, NULL"}, []string{"1, JSON_PARSE('{\"a\":2}')", "2, NULL", "4, JSON_PARSE('7')"}, []string{`1|{"a":2}`, "2|NULL", "4|7"}},
	{"word text VARCHAR(40), doc jsonb SUPER",
		[]string{"'a', JSON_PARSE('[1]')", "'b', NULL"}, []string{"'a', JSON_PARSE('[1,2]')", "'b ', NULL"}, []string{"a|[1,2]", "b |NULL"}},
}

// sinkReconciles makes targets equal to their load tables, and then one in which somebody
// has left rows twice and rows without a key.
func sinkReconciles(s *server) string {
	p, err := s.pipeline("reconciles")
	if err != nil {
		return err.Error()
	}
	var tables []*schema.Table
	steps := []func() error{p.fence}
	all := &replicator.Batch{}
	for i, r := range reconciled {
		t := declared(uint32(16550+i), fmt.Sprintf("reconciled_%d", i), r.columns)
		tables = append(tables, t)
		steps = append(steps, func() error {
			l := p.loading(t, 0)
			all.Joins = append(all.Joins, joining(t, l))
			differ := inOrder(func() error { return p.make(t, l) }, p.inserts("$schema."+t.Target, t, r.was), p.inserts("$meta."+l.Into, t, r.is))
			return differs(differ == "", "%s: %s", r.columns, differ)
		})
	}
	steps = append(steps, func() error { return p.merge(all) })
	for i, r := range reconciled {
		steps = append(steps, p.has(rowsOf(tables[i]), r.want...))
	}
	other := tables[3]
	return inOrder(append(steps,
		p.inserts("$schema."+other.Target, other, []string{"'a', 1", "'a ', 1", "NULL, 7", "'b', 9", "'gone', 1"}),
		func() error { return p.make(other, p.loading(other, 1)) },
		func() error {
			return p.inserts("$meta."+p.loading(other, 1).Into, other, []string{"'a', 1", "'a ', 1", "'b', NULL", "'c', 3"})()
		},
		func() error { return p.join(other, p.loading(other, 1))() },
		p.has(rowsOf(other), "a|1", "a |1", "b|NULL", "c|3"),
	)...)
}

// inserts inserts rows. It inserts rows with a SUPER one by one, since a list of rows may
// not contain JSON_PARSE.
func (p *pipeline) inserts(into string, t *schema.Table, rows []string) func() error {
	var names []string
	for _, c := range t.Columns {
		names = append(names, c.Target)
	}
	insert := fmt.Sprintf("INSERT INTO %s (%s) VALUES ", into, strings.Join(names, ", "))
	if slices.Contains(names, "doc") {
		return p.do(insert + "(" + strings.Join(rows, "); "+insert+"(") + ")")
	}
	return p.do(insert + "(" + strings.Join(rows, "), (") + ")")
}

// rowsOf returns the query for a target's rows, with a SUPER as text.
func rowsOf(t *schema.Table) string {
	var names []string
	for _, c := range t.Columns {
		name := c.Target
		if c.Mapping.Type == "SUPER" {
			name = "JSON_SERIALIZE(" + name + ")"
		}
		names = append(names, name)
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM " + t.Target
}
