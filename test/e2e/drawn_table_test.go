package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// drawnTable is a table as the drawn statements have made it. It is derived from them
// alone and never read from the server, so that a seed draws the same statements in every
// run.
type drawnTable struct {
	config       string // its name in the config, within public, and the name of its target
	choice       string
	schema, name string
	columns      []drawnColumn
	primary      []string // columns of the primary key, in its order
	index        []string // columns of the replica identity's index; nil: there is none
	constraint   string   // the primary key's name
	identity     byte     // as pg_class.relreplident has it
	gone         bool     // dropped
	young        bool     // made since the last comparison, so the daemon may not have seen it under its name yet
	unlogged     bool
	broken       bool // a column that the config names has another name

	names []string // the names that its columns have had

	// kinds are, by target column, the types in Redshift that the column has had since
	// the last comparison. If it has had several, bringing it in line may take a repair
	// by hand.
	kinds map[string][]string
}

// drawnColumn is a column of a drawnTable.
type drawnColumn struct {
	name    string
	role    string   // its first name, if drawn statements rely on the column
	was     []string // the names that it has had
	kind    kind
	notNull bool
	as      string // the name by which the config refers to it; empty: none
	kept    bool   // it is not dropped, since the config or drawn statements refer to it
	hidden  bool   // it is not replicated
}

// kind is a column's type, in the source and in the warehouse.
type kind struct{ source, warehouse string }

// The kinds of columns.
var (
	smallint = kind{"smallint", "whole"}
	integer  = kind{"int", "whole"}
	bigint   = kind{"bigint", "whole"}
	numeric  = kind{"numeric(10,2)", "decimal"}
	numeric2 = kind{"numeric(14,2)", "decimal"}
	text     = kind{"text", "varchar"}
	jsonb    = kind{"jsonb", "varchar"}
	date     = kind{"date", "date"}
	moment   = kind{"timestamptz", "timestamptz"}
	boolean  = kind{"boolean", "boolean"}
)

func varchar(n int) kind { return kind{fmt.Sprintf("varchar(%d)", n), "varchar"} }

// drawnTables returns the tables in their first shape. Column lists need PostgreSQL 15.
func drawnTables(lists bool) []*drawnTable {
	base := func(more ...drawnColumn) []drawnColumn {
		return append([]drawnColumn{
			{name: "id", kind: integer, notNull: true, kept: true},
			{name: "k", kind: integer, notNull: true},
			{name: "v", kind: varchar(10)},
			{name: "n", kind: integer},
			{name: "u", kind: text, kept: true},
		}, more...)
	}
	tables := []*drawnTable{
		{config: "r1", choice: "columns: all", columns: base()},
		{config: "r2", choice: "columns: all, rules: {q: quarantine}", columns: base(drawnColumn{name: "q", as: "q", kind: date, kept: true})},
		{config: "r3", choice: "columns: all", columns: base(drawnColumn{name: "code", kind: text, notNull: true}), primary: []string{"code", "id"}},
	}
	if lists {
		closed := base(drawnColumn{name: "secret", kind: text, hidden: true})
		for i := range closed[:5] {
			closed[i].kept, closed[i].as = true, closed[i].name
		}
		tables = append(tables,
			&drawnTable{config: "r4", choice: "exclude: [secret]", columns: base(drawnColumn{name: "secret", as: "secret", kind: text, hidden: true, kept: true})},
			&drawnTable{config: "r5", choice: "columns: [id, k, v, n, u]", columns: closed})
	}
	for _, t := range tables {
		t.schema, t.name, t.identity, t.kinds = "public", t.config, 'd', map[string][]string{}
		t.constraint = t.config + "_key"
		if t.primary == nil {
			t.primary = []string{"id"}
		}
		for i, c := range t.columns {
			t.columns[i].was = []string{c.name}
			if slices.Contains([]string{"id", "k", "u", "code", "q"}, c.name) {
				t.columns[i].role = c.name
			}
			t.seen(c)
		}
	}
	return tables
}

// create returns the statements that make the table.
func (t *drawnTable) create() []string {
	var columns []string
	for _, c := range t.columns {
		columns = append(columns, c.definition())
	}
	return []string{
		fmt.Sprintf("CREATE TABLE %s (%s, CONSTRAINT %s PRIMARY KEY (%s))", t.full(), strings.Join(columns, ", "), t.constraint, strings.Join(t.primary, ", ")),
		fmt.Sprintf("CREATE UNIQUE INDEX ON %s (%s)", t.full(), t.id()), // so that an index stays whatever becomes of the key
		fmt.Sprintf("ALTER TABLE %s ALTER %s SET STORAGE EXTERNAL, OWNER TO app_owner", t.full(), t.long()),
	}
}

func (c drawnColumn) definition() string {
	s := c.name + " " + c.kind.source
	if c.notNull {
		s += " NOT NULL"
	}
	if c.role == "k" {
		s += " DEFAULT 0"
	}
	if c.role == "code" {
		s += " DEFAULT 'a'"
	}
	return s
}

// clone returns a deep copy.
func (t *drawnTable) clone() *drawnTable {
	c := *t
	c.columns = slices.Clone(t.columns)
	for i := range c.columns {
		c.columns[i].was = slices.Clone(c.columns[i].was)
	}
	c.primary, c.index = slices.Clone(t.primary), slices.Clone(t.index)
	c.names = slices.Clone(t.names)
	c.kinds = map[string][]string{}
	for name, kinds := range t.kinds {
		c.kinds[name] = slices.Clone(kinds)
	}
	return &c
}

func (t *drawnTable) full() string { return t.schema + "." + t.name }

// called returns the column with a role, and nil if it was dropped.
func (t *drawnTable) called(role string) *drawnColumn {
	for i := range t.columns {
		if t.columns[i].role == role {
			return &t.columns[i]
		}
	}
	return nil
}

func (t *drawnTable) id() string   { return t.called("id").name }
func (t *drawnTable) long() string { return t.called("u").name }

// has reports whether a column has this name.
func (t *drawnTable) has(name string) bool {
	return slices.ContainsFunc(t.columns, func(c drawnColumn) bool { return c.name == name })
}

// key returns the columns that identify the table's rows in the log.
func (t *drawnTable) key() []string {
	switch t.identity {
	case 'n':
		return nil
	case 'i':
		return t.index
	}
	return t.primary
}

// inKey reports whether a column is part of any key.
func (t *drawnTable) inKey(name string) bool {
	return slices.Contains(t.primary, name) || slices.Contains(t.index, name)
}

// listed reports whether the publication lists the table's columns.
func (t *drawnTable) listed() bool {
	return slices.ContainsFunc(t.columns, func(c drawnColumn) bool { return c.hidden })
}

// unfit returns why the table cannot be replicated, and an empty string if it can.
func (t *drawnTable) unfit() string {
	switch {
	case t.gone:
		return "dropped"
	case t.unlogged:
		return "unlogged"
	case t.broken:
		return "a column of the config is renamed"
	case len(t.key()) == 0:
		return "no key"
	case t.identity == 'f' && t.listed():
		return "replica identity full beside a column list"
	}
	return ""
}

// chosen returns the columns that are replicated.
func (t *drawnTable) chosen() (chosen []drawnColumn) {
	for _, c := range t.columns {
		if !c.hidden {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// seen notes a column's name and the type that its target has or had.
func (t *drawnTable) seen(c drawnColumn) {
	if !slices.Contains(t.names, c.name) {
		t.names = append(t.names, c.name)
	}
	if !c.hidden && !slices.Contains(t.kinds[c.name], c.kind.warehouse) {
		t.kinds[c.name] = append(t.kinds[c.name], c.kind.warehouse)
	}
}

// drifted returns the columns whose targets may have a type that cannot become the
// column's.
func (t *drawnTable) drifted() (names []string) {
	for _, c := range t.chosen() {
		if len(t.kinds[c.name]) > 1 {
			names = append(names, c.name)
		}
	}
	return names
}

// rename gives column i another name.
func (t *drawnTable) rename(i int, to string) {
	for _, key := range [][]string{t.primary, t.index} {
		for k := range key {
			if key[k] == t.columns[i].name {
				key[k] = to
			}
		}
	}
	t.columns[i].name = to
	t.columns[i].was = append(t.columns[i].was, to)
	t.seen(t.columns[i])
}

// drop drops column i and the keys that include it.
func (t *drawnTable) drop(i int) {
	name := t.columns[i].name
	if slices.Contains(t.primary, name) {
		t.primary = nil
	}
	if slices.Contains(t.index, name) {
		t.index = nil
	}
	t.columns = slices.Delete(t.columns, i, i+1)
}
