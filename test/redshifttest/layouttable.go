package redshifttest

import (
	"context"
	"fmt"
)

// refuseAsKey refuses types that the stand-in has and that AWS does not list among those
// that a DISTKEY or a SORTKEY may have.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
func refuseAsKey(kind columnType) {
	var name string
	switch {
	case kind.sql == superType:
		name = "SUPER"
	case kind.binary:
		name = "VARBYTE"
	default:
		return
	}
	panic(notInGrammar("R-413", "a %s column cannot be a DISTKEY or SORTKEY", name))
}

// mayBeKeys refuses columns by which a table cannot be laid out.
func (c *session) mayBeKeys(ctx context.Context, oid string, columns []string) error {
	found, err := c.ask(ctx, `SELECT format_type(atttypid, NULL) FROM pg_attribute
		WHERE attrelid = $1::text::oid AND attname = ANY ($2::text[]) AND attnum > 0`, oid, textArray(columns))
	if err != nil {
		return err
	}
	for _, f := range found {
		if err := caught(func() { refuseAsKey(outputType(f[0])) }); err != nil {
			return err
		}
	}
	return nil
}

// settle combines what the columns say about keys with what the table says.
func (d *tableDefinition) settle() {
	if len(d.likes) > 0 && (d.set["diststyle"] || d.distKey != "" || len(d.sortKeys) > 0 || d.set["sortkey"] || d.set["backup"]) {
		panic(notInGrammar("R-417", "LIKE inherits distribution, sort keys and BACKUP: they cannot be given beside it"))
	}
	d.settleSort()
	d.settleDist()
	for _, c := range d.Columns {
		if c.primary {
			d.Keys = append(d.Keys, keyDefinition{Kind: "p", Columns: []string{c.Name}})
		}
		if c.unique {
			d.Keys = append(d.Keys, keyDefinition{Kind: "u", Columns: []string{c.Name}})
		}
		if c.foreign != nil {
			d.Keys = append(d.Keys, *c.foreign)
		}
		d.EncodeAuto = d.EncodeAuto && c.Encoding == "" || d.set["encode"]
	}
}

func (d *tableDefinition) settleSort() {
	for _, c := range d.Columns {
		if !c.sorted {
			continue
		}
		if len(d.sortKeys) > 0 || d.set["sortkey"] {
			panic(notInGrammar("R-412", "SORTKEY is given twice"))
		}
		d.SortStyle, d.sortKeys = "COMPOUND", []string{c.Name}
	}
	limit := map[string]int{"COMPOUND": maxSortKeys, "INTERLEAVED": maxInterleaved}[d.SortStyle]
	if len(d.sortKeys) > limit {
		panic(notInGrammar("R-412", "%s SORTKEY takes at most %d columns", d.SortStyle, limit))
	}
	for n, name := range d.sortKeys {
		c := d.column(name)
		if c == nil {
			panic(&Refusal{Code: "42703", Message: fmt.Sprintf("column %q does not exist", name), Rule: "R-412"})
		}
		if c.SortKey != 0 {
			panic(notInGrammar("R-412", "%q is twice in the sort key", name))
		}
		c.SortKey, c.sorted = n+1, true
		if d.SortStyle == "INTERLEAVED" && n%2 == 1 {
			c.SortKey = -c.SortKey
		}
		c.check()
	}
}

func (d *tableDefinition) settleDist() {
	if d.distKey != "" {
		c := d.column(d.distKey)
		if c == nil {
			panic(&Refusal{Code: "42703", Message: fmt.Sprintf("column %q does not exist", d.distKey), Rule: "R-411"})
		}
		if c.DistKey {
			panic(notInGrammar("R-411", "DISTKEY is given twice"))
		}
		c.DistKey = true
	}
	keys := 0
	for n := range d.Columns {
		if d.Columns[n].DistKey {
			keys++
			d.Columns[n].check()
		}
	}
	switch style := d.DistStyle; {
	case keys > 1:
		panic(notInGrammar("R-411", "DISTKEY is given twice"))
	case keys == 1 && d.set["diststyle"] && style != "KEY":
		panic(notInGrammar("R-411", "DISTSTYLE %s has no DISTKEY", style))
	case keys == 1:
		d.DistStyle = "KEY"
	case style == "KEY":
		panic(notInGrammar("R-411", "DISTSTYLE KEY needs a DISTKEY"))
	}
}

func (d *tableDefinition) column(name string) *columnDefinition {
	for n := range d.Columns {
		if d.Columns[n].Name == name {
			return &d.Columns[n]
		}
	}
	return nil
}
