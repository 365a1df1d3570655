package schema

import "slices"

// Table is a table that is replicated: the chosen columns of a Relation, and the table in
// the warehouse that is kept equal to them. It is made by Choice.Resolve and is read-only
// afterwards, so it may be shared freely.
type Table struct {
	OID        uint32
	Name       Name
	Configured Name // the config's name for it: the one that it had before it was renamed
	Identity   Identity
	Columns    []Column // by attnum
	Key        []int    // indices into Columns: the columns by which a row is known, never empty
	Listed     bool     // the publication names the columns, so others never cross the wire
	Where      string   // a condition on the rows that are replicated, in the source's SQL; empty: all are
	Filter     Filter   // how the source reads it

	Partitioned bool   // it is the root of a partitioned table, which has no rows of its own
	Parts       []Part // the tables below it, by OID
	Run         string // the run of the server that they were read in, since its start or its last recovery; empty: not known, and so none like another
	Heap        Heap   // how the source holds it

	Target  string // the table's name in the warehouse, folded
	DistKey int    // index into Columns; -1: none of the key can be it, and rows are spread evenly
	SortKey []int  // indices into Columns; empty: none of the key can be it
}

// Column is one replicated column.
type Column struct {
	Attribute
	Configured string          // the config's name for it: the one that it had before it was renamed
	Target     string          // the column's name in the warehouse, folded
	Mapping    Mapping         // how its values cross
	Rules      map[string]Rule // by kind of Misfit: what is done with a value that does not fit
	HashKey    *HashKey        // what they are hashed with; nil: they are not
}

// Mapping says how Redshift holds values of a PostgreSQL type.
type Mapping struct {
	Type string // Redshift's type as CREATE TABLE spells it: "VARCHAR(65535)"
	Text bool   // a character type, so two values are the same only if their lengths are too

	// Blankless is set for a character type none of whose values ends in a blank, so that
	// two values that are equal are the same.
	// https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html#r_Character_types-significance-of-trailing-blanks
	Blankless bool

	// Append writes value, the text that PostgreSQL's output function gave, to dst
	// as COPY is to read it, before any quoting. Nil means as it is. The error is a
	// *Misfit, and dst then comes back as it was.
	Append func(dst, value []byte) ([]byte, error)

	// Remedies are the kinds of Misfit that there can be, and what may be done with each.
	Remedies []Remedy

	adjust adjuster
	kinds  func(value []byte) []string // all kinds of Misfit that a value is; nil: no value is of more than one
}

// adjuster writes to dst what Clamp or Truncate makes of a value. The value is a misfit of
// a kind whose Remedy admits that rule.
type adjuster func(dst, value []byte, kind string, rule Rule) []byte

// Shape is what is remembered of a column, so that a later change of its shape, or of what
// is made of it on the way, is noticed.
type Shape struct {
	Attnum     int16  `json:"n"`
	Name       string `json:"name"`
	Type       uint32 `json:"type"`
	Typmod     int32  `json:"mod"`
	Target     string `json:"target,omitempty"` // its name in the warehouse, if the config gives it one
	Hash       string `json:"hash,omitempty"`   // the fingerprint of the key that it is hashed with
	Stored     string `json:"held,omitempty"`   // the Redshift type that holds it, if that is not the one that its own type maps to
	XMin       uint32 `json:"xmin,omitempty"`   // who last wrote its row of the catalogue
	Key        int    `json:"key,omitempty"`    // its place in the key, from 1; 0: none
	Configured string `json:"known,omitempty"`  // the name by which the config knows it, if that is another
	Into       string `json:"into,omitempty"`   // the Redshift type that its values need

	// Content is a digest of the Content of its type. Empty: there is none, or it was
	// remembered by a rowshift that did not look at it.
	Content string `json:"content,omitempty"`
}

// Shape returns the shapes of t's columns, in their order.
func (t *Table) Shape() []Shape {
	s := make([]Shape, len(t.Columns))
	for i, c := range t.Columns {
		s[i] = Shape{
			Attnum: c.Attnum, Name: c.Name, Type: c.Type.OID, Typmod: c.Type.Typmod,
			XMin: c.XMin, Key: 1 + slices.Index(t.Key, i), Into: c.Mapping.Type, Content: c.Content.digest(),
		}
		if c.Configured != c.Name {
			s[i].Configured = c.Configured
		}
		if c.Target != Fold(c.Name) {
			s[i].Target = c.Target
		}
		if c.HashKey != nil {
			s[i].Hash = c.HashKey.Fingerprint()
		} else if c.Mapping.Type != MappingOf(c.Type).Type {
			s[i].Stored = c.Mapping.Type
		}
	}
	return s
}

// Toastable returns the indices of the columns whose values may be stored out of
// line, so that a change may leave them unchanged without saying what they are.
func (t *Table) Toastable() []int {
	var columns []int
	for i, c := range t.Columns {
		if c.Attribute.Toastable {
			columns = append(columns, i)
		}
	}
	return columns
}
