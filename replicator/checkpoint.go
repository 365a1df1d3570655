package replicator

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"rowshift/schema"
)

// Checkpoint is what the warehouse remembers, as plain values. It is written in
// the transaction that holds the rows it speaks of.
type Checkpoint struct {
	Pipeline string
	Epoch    Epoch
	Phase    Phase
	LSN      LSN       // every transaction that ended at or before it is in the warehouse
	Time     time.Time // commit time of the last transaction merged, by the source's clock; zero if none

	System      string // the source cluster's system identifier
	Timeline    int32
	Database    string
	Slot        string
	Publication PublicationID

	// Tables are by OID; those that the source has not, or is not known to have yet, have
	// none and are by name. Nobody writes to what was given to another: who changes a state
	// does so in a Clone, and gives it another Load. So states can be shared, and be told
	// to be the same without a look at what is in them.
	Tables []TableState

	// Resyncs are the source's names of tables whose load somebody has asked for in the
	// warehouse and that no load was begun for since, once for each time. It is read with
	// the checkpoint, and not written.
	Resyncs []schema.Name

	// Reset is the token of the slot reset that brings the pipeline back to phase
	// Creating, or brought it there and is under way. The warehouse remembers each that
	// is written; Resets are those that it remembers, which are read and not written.
	Reset  string
	Resets []Reset
}

// Epoch counts the daemons that took over the warehouse, from 1. The latest one
// alone may write.
type Epoch int64

// Phase says how far a pipeline's beginning got.
type Phase string

// The phases of a pipeline.
const (
	Creating  Phase = "creating"  // the slot may be missing or unusable, and may be made again
	Streaming Phase = "streaming" // the slot holds what the warehouse lacks; never make another
)

// PublicationID tells a publication from another of the same name, by its
// pg_publication row.
type PublicationID struct {
	OID  uint32 `json:"oid"`
	XMin uint32 `json:"xmin"`
}

// TableState is what the warehouse remembers of one table.
type TableState struct {
	OID    uint32
	Name   schema.Name
	Target string
	State  State
	Row    PublicationID // the table's pg_publication_rel row: another one means that it was out for a while
	Shape  []schema.Shape
	Parts  []schema.Part // of a partitioned table, as they were when its rows were what the target has
	Heap   schema.Heap

	// Past is how the table was before it was altered, as long as the log may still tell
	// of it so. Nil: the log tells of it as it is.
	Past *Past

	// Renaming are names that columns of the target are being given, as long as it is not
	// known that they have them.
	Renaming []schema.Rename

	// Load is set while the table is loading.
	Load *LoadState

	LastLoad time.Duration // how long the last load took that brought all rows, from its snapshot on; 0: not known

	// Why says why the table is parked or loaded again, and Repair what lets a parked one
	// go on. Both are empty of a table that is live, or loaded for the first time.
	Reason Reason
	Why    string
	Repair string
}

// Past is how a table was up to some position of the log.
type Past struct {
	Shape []schema.Shape
	Heap  schema.Heap
	Until LSN // transactions that commit behind it know the table as it is
}

// State is where a table stands.
type State string

// The states of a table.
const (
	Loading State = "loading" // its rows are being brought into a load table
	Live    State = "live"    // its target stands at the checkpoint
	Parked  State = "parked"  // it cannot go on; its target stands still, and it is loaded again once it can
)

// LoadState is how far the load of one table got.
type LoadState struct {
	Into     string     // the load table, in the metadata schema; named by epoch and attempt
	Held     string     // the held table, where changes wait for the load table; named likewise
	Loaded   bool       // the load table holds what the snapshot saw
	Seen     Visibility // what the snapshot saw
	HandOver LSN        // everything that the snapshot sees committed before it; the table joins at or past it; 0: no snapshot yet
	Rows     int64
}

// Table returns the state of the table with that OID, nil if there is none.
func (c *Checkpoint) Table(oid uint32) *TableState {
	at, found := slices.BinarySearchFunc(c.Tables, oid, func(t TableState, oid uint32) int { return cmp.Compare(t.OID, oid) })
	if !found {
		return nil
	}
	return &c.Tables[at]
}

// loads tells whether tables are loading.
func (c *Checkpoint) loads() bool {
	return slices.ContainsFunc(c.Tables, func(t TableState) bool { return t.State == Loading })
}

// loaded is of how many tables the load table holds what the snapshot saw.
func (c *Checkpoint) loaded() (n int) {
	for _, t := range c.Tables {
		if t.Load != nil && t.Load.Loaded {
			n++
		}
	}
	return n
}

// Known is what the warehouse remembers of the tables of one database. In another one
// their OIDs may be other tables', and their columns' numbers other columns'.
type Known struct {
	System   string // the cluster's system identifier
	Database string
	Tables   []TableState
}

// Known returns what is remembered of the tables, nothing of no checkpoint.
func (c *Checkpoint) Known() Known {
	if c == nil {
		return Known{}
	}
	return Known{System: c.System, Database: c.Database, Tables: c.Tables}
}

// In is what is known of the tables where the source is that database: if that is another
// one, their names and targets alone. They have no OIDs then, so that no table and no
// column of it is taken for one of them, and each that is found by its name is loaded.
func (k Known) In(system, database string) []TableState {
	if k.System == system && k.Database == database {
		return k.Tables
	}
	var named []TableState
	for _, t := range k.Tables {
		named = append(named, TableState{Name: t.Name, Target: t.Target, State: Loading, LastLoad: t.LastLoad})
	}
	slices.SortFunc(named, ByOID)
	return named
}

// ByOID is the order of a checkpoint's tables: those that have no OID are by their names.
func ByOID(a, b TableState) int {
	return cmp.Or(cmp.Compare(a.OID, b.OID), cmp.Compare(a.Name.String(), b.Name.String()))
}

// remembered returns the state of a table that cannot go on: of the one with that OID or,
// if there is none, as of a table that is not in the source or was known in another
// database, of the one of that name that has none. Nil if there is none.
func (c *Checkpoint) remembered(oid uint32, name schema.Name) *TableState {
	if s := c.Table(oid); oid != 0 && s != nil {
		return s
	}
	i := slices.IndexFunc(c.Tables, func(t TableState) bool { return t.OID == 0 && t.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Tables[i]
}

// loading returns the tables that are loading and, of those, the ones that are not
// loaded yet, by OID.
func (c *Checkpoint) loading() (all, missing []uint32) {
	for _, t := range c.Tables {
		if t.State != Loading {
			continue
		}
		all = append(all, t.OID)
		if t.Load == nil || !t.Load.Loaded {
			missing = append(missing, t.OID)
		}
	}
	return all, missing
}

// Clone returns a copy whose tables' states can be changed, but not what they point to.
func (c Checkpoint) Clone() Checkpoint {
	c.Tables = slices.Clone(c.Tables)
	return c
}

// changeLoad gives the table's load another state.
func (s *TableState) changeLoad(change func(*LoadState)) {
	var l LoadState
	if s.Load != nil {
		l = *s.Load
	}
	change(&l)
	s.Load = &l
}

// Same tells whether two states are the same: of those that were not written anew since
// one was the other's copy without a look at what is in them.
func (s TableState) Same(o TableState) bool {
	if s.Load == o.Load && s.Past == o.Past && shared(s.Shape, o.Shape) && shared(s.Parts, o.Parts) && shared(s.Heap.Dropped, o.Heap.Dropped) && shared(s.Renaming, o.Renaming) &&
		s.OID == o.OID && s.Name == o.Name && s.Target == o.Target && s.State == o.State && s.Row == o.Row && s.Heap.File == o.Heap.File && s.Heap.Last == o.Heap.Last &&
		s.LastLoad == o.LastLoad && s.Reason == o.Reason && s.Why == o.Why && s.Repair == o.Repair {
		return true
	}
	return reflect.DeepEqual(s, o)
}

// shared tells whether two slices are one.
func shared[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 && (a == nil) == (b == nil) || len(a) > 0 && &a[0] == &b[0])
}

// SameTables tells whether the states of two checkpoints are the same.
func SameTables(a, b []TableState) bool {
	return shared(a, b) || slices.EqualFunc(a, b, TableState.Same)
}
