package replicator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"

	"rowshift/schema"
)

// Reasons for which a row is refused, beside the kinds of schema.Misfit.
const (
	Unfilled   = "unfilled"    // it leaves a TOASTed column unchanged, and the target has no such row
	CopyFailed = "copy"        // COPY refused it, though it should fit
	RowTooLong = "row_too_big" // it is longer than COPY takes
)

// Lifted is the rule of a ledger entry which says that a key that does not fit is gone.
const Lifted = "lifted"

// LongKey is the length in bytes beyond which a key column is given by its SHA-256.
const LongKey = 1024

// Rows are rows that COPY has refused. Each is known by what its columns are staged as (see
// AppendDigest). So it stands for that version of the row, and for no other of the same
// key.
type Rows map[string]bool

// LongText is the length in bytes beyond which texts are not told apart in Rows.
const LongText = 65_500

// AppendDigest appends what stands for one column of a row in Rows: the first 16
// hexadecimal digits of its text's SHA-256, "-" for NULL or a value that is left unchanged,
// or "+" for a text beyond LongText; and then a comma.
func AppendDigest(dst, text []byte, null bool) []byte {
	switch {
	case null:
		return append(dst, "-,"...)
	case len(text) > LongText:
		return append(dst, "+,"...)
	}
	sum := sha256.Sum256(text)
	return append(hex.AppendEncode(dst, sum[:8]), ',')
}

// Refused is an error of a Warehouse: COPY refused rows that should fit, because of a
// mistake of ours. Nothing of the merge or load was kept. The pass ends, and the next one
// refuses the rows before they are staged.
type Refused struct {
	Table *schema.Table
	Load  bool // in the files of a load
	Rows  Rows
	Halt  *Halt // what the error becomes if nothing can be done

	until LSN // the end of the merge
}

func (r *Refused) Error() string {
	return fmt.Sprintf("%s; its rows that COPY refuses, %d of them, go to quarantine", r.Halt.Found, len(r.Rows))
}

// Bounds on the rows that are refused because COPY refuses them. Beyond these it is not a
// matter of single rows any more.
const (
	mostRefused  = 1000 // rows of one table
	mostRefusals = 20   // passes that end like this without any progress between
)

// refusals remembers the rows that COPY refuses: those of a merge until the checkpoint has
// passed it, those of a load until its table has joined. A kill forgets them, and then COPY
// refuses them again.
type refusals struct {
	mu     sync.Mutex
	tables map[uint32]refusal
	passes int // passes that have ended like this since there was progress
}

// refusal is what is remembered of one table.
type refusal struct {
	rows  Rows // replaced, never changed
	until LSN  // the end of the merge that met them last; 0 if none did
	load  bool // a load met some
}

// learn takes in the rows of an error. It returns the halt that the error becomes if the
// rows are not new or are too many, so that no row is met for ever. A load that meets new ones
// has got on, since each begins with all that are known; one that meets what a merge has met
// may have begun before that was known.
func (r *refusals) learn(e *Refused) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.tables[e.Table.OID]
	all := Rows{}
	maps.Copy(all, known.rows)
	maps.Copy(all, e.Rows)
	isNew := len(all) > len(known.rows)
	if !e.Load || !isNew {
		r.passes++
	}
	if len(e.Rows) == 0 || !e.Load && !isNew || len(all) > mostRefused || r.passes > mostRefusals {
		return e.Halt
	}
	if r.tables == nil {
		r.tables = map[uint32]refusal{}
	}
	r.tables[e.Table.OID] = refusal{rows: all, until: max(known.until, e.until), load: known.load || e.Load}
	return nil
}

// reached forgets the rows of merges that the checkpoint has passed, and those of loads
// whose tables have joined.
func (r *refusals) reached(checkpoint LSN, joins []Join) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for oid, known := range r.tables {
		if slices.ContainsFunc(joins, func(j Join) bool { return j.Table.OID == oid }) {
			known.load = false
		}
		r.tables[oid] = known
		if !known.load && checkpoint >= known.until {
			delete(r.tables, oid)
			r.passes = 0
		}
	}
}

// known returns, by table, the rows to be refused before they are staged; nil if there are
// none.
func (r *refusals) known() map[uint32]Rows {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all map[uint32]Rows
	for oid, known := range r.tables {
		if all == nil {
			all = map[uint32]Rows{}
		}
		all[oid] = known.rows
	}
	return all
}
