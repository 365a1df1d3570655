package redshift

import (
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// column declares a column of a test's table.
func column(n int16, name string, typ schema.Type, toastable bool) schema.Column {
	return schema.Column{Attribute: schema.Attribute{Attnum: n, Name: name, Type: typ, Toastable: toastable},
		Target: schema.Fold(name), Mapping: schema.MappingOf(typ)}
}

var (
	bigint  = schema.Type{OID: 20, Base: 20, Typmod: -1, Name: "int8", Category: 'N'}
	text    = schema.Type{OID: 25, Base: 25, Typmod: -1, Name: "text", Category: 'S'}
	decimal = schema.Type{OID: 1700, Base: 1700, Typmod: 10<<16 | 2 + 4, Name: "numeric", Category: 'N'}
	bytea   = schema.Type{OID: 17, Base: 17, Typmod: -1, Name: "bytea", Category: 'U'}
)

// plain is accounts (id bigint primary key, owner text, balance numeric(10,2), note text).
func plain() *schema.Table {
	return &schema.Table{OID: 16501, Name: schema.Name{Schema: "public", Table: "accounts"}, Configured: schema.Name{Schema: "public", Table: "accounts"}, Target: "accounts",
		Columns: []schema.Column{column(1, "id", bigint, false), column(2, "owner", text, true), column(3, "balance", decimal, true), column(4, "note", text, true)},
		Key:     []int{0}, DistKey: 0, SortKey: []int{0}}
}

// composite has a key of texts in another order than its columns.
func composite() *schema.Table {
	return &schema.Table{OID: 16502, Name: schema.Name{Schema: "sales", Table: "Order Lines"}, Configured: schema.Name{Schema: "sales", Table: "Order Lines"}, Target: "order lines",
		Columns: []schema.Column{column(1, "Line", text, false), column(2, "amount", bigint, false), column(3, "order", text, false), column(4, `a "quoted" name`, bytea, true)},
		Key:     []int{2, 0}, DistKey: 2, SortKey: []int{1, 2}}
}

// document has a SUPER column, whose values have no equality.
func document() *schema.Table {
	t := plain()
	t.OID, t.Name.Table, t.Configured.Table, t.Target = 16503, "documents", "documents", "documents"
	t.Columns[3].Mapping = schema.Mapping{Type: "SUPER"}
	return t
}

// keyed is a table whose key is text: words (word text primary key, n bigint, body text).
func keyed() *schema.Table {
	return &schema.Table{OID: 16504, Name: schema.Name{Schema: "public", Table: "words"}, Configured: schema.Name{Schema: "public", Table: "words"}, Target: "words",
		Columns: []schema.Column{column(1, "word", text, true), column(2, "n", bigint, false), column(3, "body", text, true)},
		Key:     []int{0}, DistKey: 0, SortKey: []int{0}}
}

// tuple makes a row of words: "~" is NULL, "^" an unchanged value.
func tuple(values ...string) replicator.Tuple {
	t := replicator.Tuple{}
	for _, v := range values {
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

// row makes a tuple of values that are separated by "|".
func row(values string) replicator.Tuple { return tuple(strings.Split(values, "|")...) }
