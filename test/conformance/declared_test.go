package conformance

import (
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// kinds are types of the source by name.
var kinds = map[string]schema.Type{
	"bool": {OID: 16, Category: 'B'}, "bytea": {OID: 17, Category: 'U'}, "int8": {OID: 20, Category: 'N'}, "int2": {OID: 21, Category: 'N'}, "int4": {OID: 23, Category: 'N'},
	"text": {OID: 25, Category: 'S'}, "jsonb": {OID: 3802, Category: 'U'}, "float4": {OID: 700, Category: 'N'}, "float8": {OID: 701, Category: 'N'}, "date": {OID: 1082, Category: 'D'},
	"time": {OID: 1083, Category: 'D'}, "timetz": {OID: 1266, Category: 'D'}, "timestamp": {OID: 1114, Category: 'D'}, "timestamptz": {OID: 1184, Category: 'D'},
	"numeric": {OID: 1700, Typmod: 10<<16 | 2 + 4, Category: 'N'},
}

// declared returns a table of the source with this OID and target. Each column has a
// name, a type and, optionally, another type of Redshift to hold it. A star behind the
// type marks values that may be stored out of line. The first column is the key.
func declared(oid uint32, target, columns string) *schema.Table {
	t := &schema.Table{OID: oid, Name: schema.Name{Schema: "public", Table: target}, Target: target, Key: []int{0}, SortKey: []int{0}}
	t.Configured = t.Name
	for i, text := range strings.Split(columns, ", ") {
		parts := strings.Fields(text)
		kind, toastable := strings.CutSuffix(parts[1], "*")
		typ, known := kinds[kind]
		if !known {
			panic(kind + " is none of the types")
		}
		typ.Base, typ.Name = typ.OID, kind
		if typ.Typmod == 0 {
			typ.Typmod = -1
		}
		c := schema.Column{Attribute: schema.Attribute{Attnum: int16(i + 1), Name: parts[0], Type: typ, Toastable: toastable}, Target: parts[0], Mapping: schema.MappingOf(typ)}
		if len(parts) > 2 {
			m, err := schema.MappingAs(typ, parts[2])
			if err != nil {
				panic(err)
			}
			c.Mapping = m
		}
		t.Columns = append(t.Columns, c)
	}
	return t
}

// words returns a table (word text primary key, n numeric(10,2), body text).
func words(target string) *schema.Table {
	return declared(16501, target, "word text*, n numeric, body text*")
}

// ruled gives each text column rules for values that do not fit: such a row is refused if
// the column is in the key; other values are cut, become NULL, or are refused with their
// rows.
func ruled(t *schema.Table) *schema.Table {
	for i, c := range t.Columns {
		switch {
		case !c.Mapping.Text:
		case slices.Contains(t.Key, i):
			t.Columns[i].Rules = map[string]schema.Rule{schema.TooLong: schema.Quarantine}
		default:
			t.Columns[i].Rules = map[string]schema.Rule{schema.TooLong: schema.Truncate, schema.ZeroByte: schema.Null, schema.NotUTF8: schema.Quarantine}
		}
	}
	return t
}

// spelled are values that do not fit, by the words that stand for them in rows: one that
// is cut, one that becomes NULL, one that is refused, and a key that is too long.
var spelled = map[string]string{"CUT": strings.Repeat("x", 39) + "€", "ZERO": "nul\x00", "BAD": "bad\xff", "LONG": longKey}

// longKey is too long for a VARCHAR(40).
var longKey = strings.Repeat("k", 41)

// tuple returns a row: ~ is NULL, ^ an unchanged value.
func tuple(values string) replicator.Tuple {
	t := replicator.Tuple{}
	for v := range strings.SplitSeq(values, "|") {
		if s, ok := spelled[v]; ok {
			v = s
		}
		switch v {
		case "~":
			t = t.Append(replicator.Value{Kind: replicator.Null})
		case "^":
			t = t.Append(replicator.Value{Kind: replicator.Unchanged})
		default:
			t = t.Append(replicator.Value{Kind: replicator.Text, Text: []byte(v)})
		}
	}
	return t
}
