package replicator

import (
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

	Tables []TableState // by OID

	// Resyncs are the source's names of tables whose load somebody has asked for in the
	// warehouse and that no load was begun for since. It is read with the checkpoint, and
	// not written.
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
	for i := range c.Tables {
		if c.Tables[i].OID == oid {
			return &c.Tables[i]
		}
	}
	return nil
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

// Clone returns a copy that shares nothing that is written to.
func (c Checkpoint) Clone() Checkpoint {
	tables := make([]TableState, len(c.Tables))
	copy(tables, c.Tables)
	for i := range tables {
		if l := tables[i].Load; l != nil {
			load := *l
			tables[i].Load = &load
		}
	}
	c.Tables = tables
	return c
}
