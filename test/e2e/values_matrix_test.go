package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// crossingRow is one row of the matrix: a type, a way in which a value arrives, and the
// value.
type crossingRow struct {
	id    string
	table string
	of    valueSpec
	// before is the value when the load begins, or ∅ if there is no row; after is the one
	// from the stream. A row with both is updated.
	before, after string
	gone          bool // the row is deleted in the end
}

const none = "∅"

// matrix returns each type with each way and each chosen value: the rows of matrix for
// columns, those of matrix_key for keys.
func (v *values) matrix() []crossingRow {
	var all []crossingRow
	for _, s := range v.specs {
		all = append(all, ways("matrix", s)...)
		if s.key {
			all = append(all, ways("matrix_key", s)...)
		}
	}
	return all
}

func ways(table string, s valueSpec) []crossingRow {
	var all []crossingRow
	add := func(way, before, after string, gone bool) {
		id := fmt.Sprintf("%s %s %d", s.name, way, len(all))
		all = append(all, crossingRow{id: id, table: table, of: s, before: before, after: after, gone: gone})
	}
	fits := s.in[0]
	for i, value := range append(append([]string{}, s.in...), s.out...) {
		way := "in range"
		if i >= len(s.in) {
			way = "out of range"
			add("from "+way, value, fits, false)
		}
		add("snapshot "+way, value, none, false)
		add("insert "+way, none, value, false)
		add("update to "+way, fits, value, false)
		add("delete "+way, value, none, true)
		add("insert and delete "+way, none, value, true)
	}
	return all
}

// misfits returns how often the row is written with a value that does not fit.
func (c crossingRow) misfits() int {
	n := 0
	for _, value := range []string{c.before, c.after} {
		if slices.Contains(c.of.out, value) {
			n++
		}
	}
	return n
}

func (c crossingRow) snapshot(v *values) string {
	if c.before == none {
		return ""
	}
	return c.insert(v, c.before)
}

func (c crossingRow) inserted(v *values) string {
	if c.before != none || c.after == none {
		return ""
	}
	return c.insert(v, c.after)
}

func (c crossingRow) updated(*values) string {
	if c.before == none || c.after == none {
		return ""
	}
	return fmt.Sprintf("UPDATE %s SET %q = %s WHERE id = %s", c.table, c.of.name, literal(c.after), literal(c.id))
}

func (c crossingRow) deleted(*values) string {
	if !c.gone {
		return ""
	}
	return fmt.Sprintf("DELETE FROM %s WHERE id = %s", c.table, literal(c.id))
}

// insert returns a row with this value, and with values that fit in the rest of a key.
func (c crossingRow) insert(v *values, value string) string {
	names, all := []string{"id", fmt.Sprintf("%q", c.of.name)}, []string{literal(c.id), literal(value)}
	if c.table == "matrix_key" {
		for _, k := range v.keys {
			if k.name != c.of.name {
				names, all = append(names, fmt.Sprintf("%q", k.name)), append(all, literal(k.in[0]))
			}
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", c.table, strings.Join(names, ", "), strings.Join(all, ", "))
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
