package schema

// Relation is a table of the source as its catalogue describes it at one moment.
// https://www.postgresql.org/docs/current/catalog-pg-class.html
type Relation struct {
	OID         uint32
	Name        Name
	Kind        byte // pg_class.relkind: 'r' table, 'p' partitioned table, ...
	Persistence byte // pg_class.relpersistence: 'p' permanent, 'u' unlogged, 't' temporary
	Identity    Identity
	Heap        Heap
	Attributes  []Attribute // live columns by attnum, dropped ones left out
	Primary     []int16     // attnums of the primary key, in the key's order; empty if there is none or it is deferrable
	Replica     []int16     // attnums of the replica identity's index: the primary key's under IdentityDefault
	Parts       []Part      // the tables below the root of a partitioned table, by OID
	Run         string      // of a partitioned table: tells the run of the server that Parts were read in from others; empty: not known
	Filter      Filter      // how the source reads the choice's Where, if it has one
}

// Heap is how the source holds a table, as far as that shows what was done to it.
type Heap struct {
	File    uint32  `json:"file"`              // pg_class.relfilenode, which changes when the table is written anew
	Last    int16   `json:"last"`              // the highest attnum, of dropped columns too
	Dropped []int16 `json:"dropped,omitempty"` // attnums of dropped columns
}

// Identity is a table's REPLICA IDENTITY, pg_class.relreplident.
type Identity byte

// The replica identities.
const (
	IdentityDefault Identity = 'd' // the primary key
	IdentityIndex   Identity = 'i' // a chosen unique index
	IdentityFull    Identity = 'f' // the whole row
	IdentityNothing Identity = 'n'
)

// String names the identity as ALTER TABLE ... REPLICA IDENTITY spells it.
func (i Identity) String() string {
	switch i {
	case IdentityDefault:
		return "DEFAULT"
	case IdentityIndex:
		return "USING INDEX"
	case IdentityFull:
		return "FULL"
	case IdentityNothing:
		return "NOTHING"
	}
	return "unknown"
}

// Attribute is one column of a Relation.
type Attribute struct {
	Attnum    int16
	Name      string
	XMin      uint32 // of its pg_attribute row, which changes when the column is altered
	Type      Type
	Content   Content
	Missing   bool // rows from before it was added, also of a partition, have a value that is not stored in them: attmissingval
	NotNull   bool
	Generated bool // GENERATED ALWAYS AS (...): never in the stream before PostgreSQL 18
	Virtual   bool // a generated column that is not stored: never in the stream
	Toastable bool // may be stored out of line, so may arrive as unchanged TOAST
}

// Type is a column's type as the source's catalogue tells it.
type Type struct {
	OID      uint32 // of the declared type: a domain's own
	Base     uint32 // of the type below all domains; OID itself if there is none
	Typmod   int32  // of the column or, below a domain, of the domain; -1 if none
	Name     string // of the base type as pg_type.typname has it: "numeric", "_text", "mood"
	Category byte   // pg_type.typcategory of the base type: 'A' array, 'E' enum, 'C' composite, 'R' range, ...
}
