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

	// Tables are in order of their OIDs. Tables that the source does not have, or is not
	// yet known to have, have no OID, and are in order of their names.
	//
	// Checkpoints share states, so a state is never changed in place: to change one, Clone
	// the checkpoint, and give the state a new Load. Because of that, shared states are
	// known to be equal without a look at what is in them.
	Tables []TableState

	// Resyncs are tables, by their names in the source, that somebody has asked in the
	// warehouse to have loaded again, and of which no load has begun since. A name stands
	// here once for each request. They are read with the checkpoint, and not written.
	Resyncs []schema.Name

	// Reset is the token of the slot reset that brings the pipeline back to phase Creating,
	// or that brought it there and is under way. The warehouse remembers each token that is
	// written. Resets are those that it remembers; they are read, and not written.
	Reset  string
	Resets []Reset
}

// Epoch counts the daemons that took over the warehouse, from 1. Only the latest may write.
type Epoch int64

// Phase says how far the beginning of a pipeline got.
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
	Row    PublicationID  // the table's pg_publication_rel row: if it is another one, the table was out for a while
	Shape  []schema.Shape // of a parked table: what the columns of its target were like, if it has a target
	Parts  []schema.Part  // of a partitioned table: its partitions as of the rows that the target has
	Run    string         // the run of the server that Parts were read in; empty: it was not looked at
	Heap   schema.Heap

	// Past is how the table was before it was altered, as long as the log may still
	// describe it like that. Nil: the log describes it as it is.
	Past *Past

	// Renaming are the new names that columns of the target are being given. They stay here
	// until it is known that the columns have them.
	Renaming []schema.Rename

	// Load is set while the table is loading.
	Load *LoadState

	LastLoad time.Duration // how long the last load that brought all rows took, from its snapshot on; 0: not known

	// Why says why the table is parked or is loaded again, and Repair what lets a parked
	// table go on. Both are empty for a table that is live, or that is loaded for the first
	// time.
	Reason Reason
	Why    string
	Repair string
}

// Past is how a table was up to some position of the log.
type Past struct {
	Shape []schema.Shape
	Heap  schema.Heap
	Until LSN // transactions that commit after it know the table as it is

	// Seen is what the catalogue saw in which the table was not like that any more; nil: not known,
	// since a rowshift of before did not remember it.
	Seen *Visibility `json:",omitempty"`
}

// Tells reports whether a transaction whose commit is at that position may have rows of the past.
// One that the catalogue did not see has none, even if its commit was in the log by then, as it is
// while a standby has yet to confirm it: whoever altered the table had to wait for the locks of
// all that had written to it, and was seen. Such a transaction may have altered the table itself.
// (The key of a table can be altered without such a wait, by DROP INDEX CONCURRENTLY or beside
// writers of single partitions. If one of these hangs, the table is loaded again.)
// https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
func (p *Past) Tells(commit LSN, xid uint32) bool {
	return commit < p.Until && (p.Seen == nil || p.Seen.Sees(xid))
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

// anyLoading reports whether any table is loading.
func (c *Checkpoint) anyLoading() bool {
	return slices.ContainsFunc(c.Tables, func(t TableState) bool { return t.State == Loading })
}

// countLoaded returns the number of tables whose load table holds what the snapshot saw.
func (c *Checkpoint) countLoaded() (n int) {
	for _, t := range c.Tables {
		if t.Load != nil && t.Load.Loaded {
			n++
		}
	}
	return n
}

// Known is what the warehouse remembers of the tables of one database. In another database
// their OIDs may belong to other tables, and their column numbers to other columns.
type Known struct {
	System   string // the cluster's system identifier
	Database string
	Tables   []TableState
}

// Known returns what c remembers of the tables: nothing if c is nil.
func (c *Checkpoint) Known() Known {
	if c == nil {
		return Known{}
	}
	return Known{System: c.System, Database: c.Database, Tables: c.Tables}
}

// In returns what is known of the tables if the source is the given database. In another
// one only names, targets and how long loads took still hold. The states then have no OIDs,
// so that no table or column there is taken for a known one, and each table that is found
// by its name is loaded.
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

// ByOID is the order of a checkpoint's tables. Those that have no OID are ordered by name.
func ByOID(a, b TableState) int {
	return cmp.Or(cmp.Compare(a.OID, b.OID), cmp.Compare(a.Name.String(), b.Name.String()))
}

// remembered returns the state of a table that cannot go on, nil if there is none: the
// state with that OID or else the one of that name that has no OID. A state has no OID if
// the source lacks the table, or if the table was known in another database. Without an OID,
// only what still holds of any table of that name is returned.
func (c *Checkpoint) remembered(oid uint32, name schema.Name) *TableState {
	if s := c.Table(oid); oid != 0 && s != nil {
		return s
	}
	i := slices.IndexFunc(c.Tables, func(t TableState) bool { return (t.OID == 0 || oid == 0) && t.Name == name })
	if i < 0 {
		return nil
	}
	if s := c.Tables[i]; s.OID != 0 {
		return &TableState{Name: s.Name, Target: s.Target, LastLoad: s.LastLoad}
	}
	return &c.Tables[i]
}

// loading returns the OIDs of the tables that are loading and, of those, of the ones that
// are not loaded yet. Both are in order.
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

// Clone returns a copy whose states may be changed, but not what they point to.
func (c Checkpoint) Clone() Checkpoint {
	c.Tables = slices.Clone(c.Tables)
	return c
}

// changeLoad gives the table a changed copy of its load state.
func (s *TableState) changeLoad(change func(*LoadState)) {
	var l LoadState
	if s.Load != nil {
		l = *s.Load
	}
	change(&l)
	s.Load = &l
}

// enter puts a table into a state other than Parked. Why it was parked or loaded before, and
// what would have repaired it, is over.
func (s *TableState) enter(state State) {
	s.State, s.Load = state, nil
	s.Reason, s.Why, s.Repair = "", "", ""
}

// Same reports whether two states are equal. It need not look at what they point to if one is
// a copy of the other and neither was written anew since, as most are of thousands of tables.
func (s TableState) Same(o TableState) bool {
	return s.copyOf(o) || reflect.DeepEqual(s, o)
}

// copyOf reports whether two states have equal values and point to the same things.
func (s TableState) copyOf(o TableState) bool {
	return s.OID == o.OID && s.Name == o.Name && s.Target == o.Target && s.State == o.State &&
		s.Row == o.Row && shared(s.Shape, o.Shape) && shared(s.Parts, o.Parts) && s.Run == o.Run &&
		s.Heap.File == o.Heap.File && s.Heap.Last == o.Heap.Last && shared(s.Heap.Dropped, o.Heap.Dropped) &&
		s.Past == o.Past && shared(s.Renaming, o.Renaming) && s.Load == o.Load && s.LastLoad == o.LastLoad &&
		s.Reason == o.Reason && s.Why == o.Why && s.Repair == o.Repair
}

// shared reports whether a and b are the same slice.
func shared[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 && (a == nil) == (b == nil) || len(a) > 0 && &a[0] == &b[0])
}

// SameTables reports whether the states of two checkpoints are equal.
func SameTables(a, b []TableState) bool {
	return shared(a, b) || slices.EqualFunc(a, b, TableState.Same)
}
