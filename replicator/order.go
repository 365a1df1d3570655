package replicator

import (
	"cmp"
	"context"
	"slices"
)

// order is what the load tells the reader to do. The reader obeys between
// transactions.
type order struct {
	hold    []Hold          // hold the changes of these tables from the end of the batch on
	taken   *Taken          // the snapshot of tables whose changes are held, which is known now
	learned chan<- struct{} // closed once the reader has learned of it
	join    bool            // let all tables that are held join, once the stream has passed their hand-over position
}

// obey does what the load has ordered, unless a transaction is open.
func (r *reader) obey(ctx context.Context) error {
	if r.tx.open {
		return nil
	}
	select {
	case o := <-r.orders:
		r.holds = append(r.holds, o.hold...)
		if o.taken != nil {
			if err := r.learn(o.taken); err != nil {
				return err
			}
			close(o.learned)
		}
		r.joining = r.joining || o.join
		return r.sealIfDue(ctx, false)
	default:
		return nil
	}
}

// learn takes in what a snapshot sees. From here on the transactions that it saw are left
// out, and their folds that are not handed over yet are dropped. What is in a held table
// already has its transaction noted beside it, and is left out when it is applied. If the
// snapshot does not see a transaction whose rows could not be read, learn returns the error
// of those rows.
func (r *reader) learn(taken *Taken) error {
	for _, t := range taken.Tables {
		to := r.routes[t.OID]
		for _, xid := range to.unfit {
			if !taken.Seen.Sees(xid) {
				return to.why
			}
		}
		to.unfit = nil
		to.load.Seen, to.load.HandOver = taken.Seen, taken.HandOver
		to.rule = r.position < taken.HandOver
	}
	r.joinsAt = max(r.joinsAt, taken.HandOver)
	r.survey()
	r.batch.Folds = slices.DeleteFunc(r.batch.Folds, func(f *Fold) bool {
		to := r.routes[f.Table.OID]
		if f.XID == 0 || to.load.HandOver == 0 {
			return false
		}
		if to.load.Seen.Sees(f.XID) {
			if r.folds[f.Table.OID] == f {
				delete(r.folds, f.Table.OID)
			}
			r.bytes -= f.size()
			return true
		}
		f.XID = 0
		return false
	})
	return nil
}

// tablesChange reports whether tables are to change between live and loading at the end of the
// batch. That can be only between transactions, and only if the batch is a whole merge.
// Otherwise parts of its transaction were handed over before: they would be held, and be
// missing from the load tables that join.
func (r *reader) tablesChange() bool {
	return !r.tx.open && !r.inside && (len(r.holds) > 0 || r.joinable())
}

// joinable reports whether the loading tables can join at the end of the batch.
func (r *reader) joinable() bool { return r.joining && r.position >= r.joinsAt }

// changeTables makes the batch the one with which tables change between live and loading. The batch
// may be empty.
func (r *reader) changeTables() {
	r.batch.Commit = true
	r.batch.Holds = r.holds
	for i, h := range r.holds {
		if load := r.routes[h.Table.OID].load; load != nil {
			r.batch.Holds[i].Before = *load
		}
	}
	if r.joinable() {
		r.join()
	}
}

// join lets the loading tables join with the batch: its changes of them go straight to
// their load tables.
func (r *reader) join() {
	for _, to := range r.routes {
		if to.load != nil {
			r.batch.Joins = append(r.batch.Joins, Join{Table: to.table, From: to.load.Into, Held: to.load.Held})
		}
	}
	slices.SortFunc(r.batch.Joins, func(a, b Join) int { return cmp.Compare(a.Table.OID, b.Table.OID) })
	for _, f := range r.batch.Folds {
		if f.Held != "" {
			f.Into, f.Held = r.routes[f.Table.OID].load.Into, ""
		}
	}
}

// tablesChanged routes the changes that follow by where the tables stand after the batch.
func (r *reader) tablesChanged(b *Batch) {
	for _, j := range b.Joins {
		to := r.routes[j.Table.OID]
		to.load, to.rule = nil, false
	}
	if len(b.Joins) > 0 {
		r.joining, r.joinsAt = false, 0
	}
	for _, h := range b.Holds {
		to := r.routes[h.Table.OID]
		to.load, to.rule, to.unfit = &LoadState{Into: h.Into, Held: h.Held}, false, nil
	}
	if len(b.Holds) > 0 {
		r.holds = nil
	}
	if len(b.Joins)+len(b.Holds) > 0 {
		r.survey()
	}
}

// survey sums up all routes. It is called whenever one of them has changed.
func (r *reader) survey() {
	r.loads, r.rulesPast = 0, 0
	for _, to := range r.routes {
		if to.load != nil {
			r.loads++
		}
		if to.rule && (r.rulesPast == 0 || to.load.HandOver < r.rulesPast) {
			r.rulesPast = to.load.HandOver
		}
	}
}

// loading reports whether any table is loading, or is about to.
func (r *reader) loading() bool { return r.loads > 0 || len(r.holds) > 0 }
