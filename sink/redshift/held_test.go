package redshift

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

// loading begins the load of a table: its load table has rows, and what is merged of the table
// is held.
func (w *world) loading(r *Warehouse, table *schema.Table, number int, rows ...string) replicator.LoadState {
	w.t.Helper()
	l := replicator.LoadState{Into: fmt.Sprintf("load_1_%d_%d", number, table.OID), Held: fmt.Sprintf("held_1_%d_%d", number, table.OID), Loaded: true}
	if err := r.Hold(w.t.Context(), l.Held, table); err != nil {
		w.t.Fatal(err)
	}
	w.load(r, l.Into, table, rows...)
	return l
}

// held makes a batch's folds be held, as folds of that transaction.
func held(b *replicator.Batch, l replicator.LoadState, xid uint32) *replicator.Batch {
	for _, f := range b.Folds {
		f.Held, f.XID = l.Held, xid
	}
	return b
}

// applyAll applies what is held until nothing is left. It returns how many transactions that
// took.
func (w *world) applyAll(r *Warehouse, table *schema.Table, l replicator.LoadState) (transactions int) {
	w.t.Helper()
	var taken int64
	before := w.ask("SELECT COUNT(*) FROM rowshift_accounts." + l.Held)
	for applied := (replicator.Applied{Left: true}); applied.Left; transactions++ {
		var err error
		if applied, err = r.Apply(w.t.Context(), w.epoch, table, l, transactions); err != nil {
			w.t.Fatal(err)
		}
		taken += applied.Rows
	}
	w.want(before, strconv.FormatInt(taken, 10))
	w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts."+l.Held), "0")
	return transactions
}

// loaded returns the rows of a load table of words.
func (w *world) loaded(l replicator.LoadState) []string {
	return w.ask("SELECT word, n, body FROM rowshift_accounts." + l.Into + " ORDER BY OCTET_LENGTH(word), word")
}

// Whoever waits for the fence hears that held changes are being applied until COMMIT has ended,
// since the transaction has the fence for as long.
func TestHeldChangesAreBeingAppliedUntilTheyAreCommitted(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	l := w.loading(r, table, 1)
	w.apply(r, held(batch(t, table, "insert a|1|x"), l, 0))
	for _, end := range []redshifttest.Fault{{Class: "COMMIT"}, {Class: "ROLLBACK"}} {
		end.Application, end.Nth, end.Stall = "rowshift/accounts", 1, -1
		ends := w.server.Inject(end)
		refuses := w.server.Inject(redshifttest.Fault{Match: "held_1_1", Class: "DELETE", Nth: 1, Code: "XX000", Message: "assert"})
		if end.Class == "COMMIT" {
			refuses.Remove()
		}
		applied := make(chan error, 1)
		go func() {
			_, err := r.Apply(t.Context(), w.epoch, table, l, 0)
			applied <- err
		}()
		select {
		case <-ends.Reached():
		case err := <-applied:
			t.Fatalf("%s: it did not come to an end: %v", end.Class, err)
		}
		if !r.applies.Load() {
			t.Errorf("nothing is being applied though there is still a %s to come", end.Class)
		}
		ends.Remove()
		if err := <-applied; (err == nil) != (end.Class == "COMMIT") || r.applies.Load() {
			t.Errorf("%s: %v, and applying: %v", end.Class, err, r.applies.Load())
		}
		refuses.Remove()
		w.apply(r, held(batch(t, table, "insert b|1|x"), l, 0))
	}
}

func TestHeldChangesWaitAndAreAppliedInOrder(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	l := w.loading(r, table, 1, "a|1|of a", "b|2|of b", "c|3|of c")
	w.apply(r, held(batch(t, table, "update a -> z|1|^", "update b -> a|2|^", "update z -> b|1|^"), l, 0))
	w.apply(r, held(batch(t, table, "update a|7|^", "delete c", "insert d|4|~"), l, 0), held(batch(t, table, "update d|5|new"), l, 0))
	w.want(w.words())
	w.want(w.loaded(l), "a|1|of a", "b|2|of b", "c|3|of c")
	w.unstaged()
	w.applyAll(r, table, l)
	w.want(w.loaded(l), "a|7|of b", "b|1|of a", "d|5|new")
	w.apply(r, held(batch(t, table, "insert e|1|x", "truncate", "insert f|6|x", "update f|8|^"), l, 0), held(batch(t, table, "update f|9|^"), l, 0))
	w.applyAll(r, table, l)
	w.want(w.loaded(l), "f|9|x")
}

func TestHeldChangesThatTheSnapshotSeesAreNotApplied(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	l := w.loading(r, table, 1, "a|1|snapshot", "b|1|snapshot")
	l.Seen = replicator.Visibility{XMin: 1<<32 + 5, XMax: 1<<32 + 9, InProgress: []uint64{1<<32 + 5, 1<<32 + 7}}
	w.apply(r, held(batch(t, table, "truncate", "insert a|0|seen"), l, 1<<32-1))
	w.apply(r, held(batch(t, table, "insert b|0|seen"), l, 6), held(batch(t, table, "update b|5|^"), l, 5))
	w.apply(r, held(batch(t, table, "update a|8|^"), l, 9), held(batch(t, table, "delete b"), l, 4))
	w.apply(r, held(batch(t, table, "insert c|1|after"), l, 0))
	w.applyAll(r, table, l)
	w.want(w.loaded(l), "a|8|snapshot", "b|5|snapshot", "c|1|after")
}

// The warehouse takes out exactly the transactions that the core's Visibility sees.
func TestSeenAgreesWithTheCore(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	rng := rand.New(rand.NewPCG(5, 5))
	ids := []uint32{1, 2, 1 << 31, 1<<31 - 1, 1<<31 + 1, 1<<32 - 1}
	for list := range 12 {
		l := replicator.LoadState{Held: fmt.Sprintf("held_1_%d_16504", list)}
		if err := r.Hold(t.Context(), l.Held, table); err != nil {
			t.Fatal(err)
		}
		v := replicator.Visibility{XMax: 3<<32 + uint64(pick(rng, ids))}
		v.XMin = v.XMax - 100
		v.InProgress = []uint64{v.XMin, v.XMin + 50, v.XMax - 1}
		xids := slices.Clone(ids)
		for range 30 {
			xids = append(xids, uint32(v.XMax)+rng.Uint32N(220)-110, max(rng.Uint32(), 1))
		}
		want := []string{}
		values := []string{}
		slices.Sort(xids)
		for _, xid := range slices.Compact(xids) {
			values = append(values, fmt.Sprintf("(%d)", xid))
			if !v.Sees(xid) {
				want = append(want, fmt.Sprint(xid))
			}
		}
		w.admin("INSERT INTO rowshift_accounts."+l.Held+" (xid) VALUES "+strings.Join(values, ", "), deleteSeen(w.place(l.Held), v))
		w.want(w.ask("SELECT xid FROM rowshift_accounts."+l.Held+" ORDER BY xid"), want...)
	}
}

func (w *world) place(name string) place { return in("rowshift_accounts", name) }

// However changes are cut into batches and transactions, applying them from the held table gives
// the same load table as making them one by one.
func TestHeldChangesEqualChangesOneByOne(t *testing.T) {
	t.Parallel()
	lists := drawn(40)
	w := newWorld(t)
	r, table := w.withWords()
	l := w.loading(r, table, 1)
	l.Seen = replicator.Visibility{XMin: 1000, XMax: 1000}
	g := &generator{t: t, table: table, rows: model{}}
	for list := range lists {
		g.Rand, g.log = rand.New(rand.NewPCG(uint64(list), 13)), nil
		for range 1 + g.IntN(4) {
			batches := g.batches()
			for _, b := range batches {
				held(b, l, uint32(g.IntN(2)*(1000+list)))
			}
			if g.IntN(3) == 0 {
				w.apply(r, held(batch(t, table, "truncate", "insert seen|1|x"), l, 999))
			}
			w.apply(r, batches...)
		}
		if g.IntN(3) == 0 {
			continue // applied with the next
		}
		w.applyAll(r, table, l)
		got := w.loaded(l)
		slices.Sort(got)
		if want := g.rows.shown(); !slices.Equal(got, want) {
			t.Fatalf("list %d: rows\n%q\nwant\n%q\nby\n%s", list, got, want, strings.Join(g.log, "\n"))
		}
	}
	w.want(w.words())
}

// A transaction applies at least one fold, however large or slow it is, and at least one more
// for each earlier transaction that left some.
func TestEnoughIsApplied(t *testing.T) {
	for _, c := range []struct {
		doubled, folds int
		rows           int64
		took           time.Duration
		enough         bool
	}{
		{0, 0, 0, 0, false}, {0, 1, 10, time.Second, false}, {0, 1, 10, 3 * time.Second, true}, {0, 1, 500_000, 0, true}, {0, 64, 64, 0, true},
		{1, 1, 500_000, time.Minute, false}, {1, 2, 500_000, 0, true}, {1, 64, 64, 3 * time.Second, false}, {1, 64, 64, 5 * time.Second, true},
		{4, 4, 2_000_000, time.Minute, false}, {4, 5, 2_000_000, 0, true}, {4, 1024, 1024, 0, true},
	} {
		if got := enough(c.doubled, c.folds, c.rows, c.took); got != c.enough {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// The second transaction applies twice as much as the first.
func TestApplyTakesMoreAndMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	l := w.loading(r, table, 1)
	var batches []*replicator.Batch
	for n := range 3 * mostFolds {
		batches = append(batches, held(batch(t, table, fmt.Sprintf("insert k%d|%d|x", n, n)), l, 0))
	}
	w.apply(r, batches...)
	began := time.Now()
	n := w.applyAll(r, table, l)
	if took := time.Since(began); n < 2 || n > 2 && took < mostTime { // if one takes that long, there may be more
		t.Errorf("%d transactions in %v", n, took)
	}
	w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts."+l.Into), fmt.Sprint(3*mostFolds))
}

func TestApplyOfAnOlderEpochWritesNothing(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	l := w.loading(r, table, 1, "a|1|x")
	w.apply(r, held(batch(t, table, "delete a"), l, 0))
	old := w.epoch
	w.admin("UPDATE rowshift_accounts.checkpoint SET epoch = epoch + 1")
	if _, err := r.Apply(t.Context(), old, table, l, 0); !errors.Is(err, replicator.ErrFenced) || replicator.Retryable(err) {
		t.Errorf("%v", err)
	}
	w.want(w.loaded(l), "a|1|x")
	w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts."+l.Held), "1")
}

// Wherever applying is cut off, what was applied is no longer held, and what was not still is.
func TestApplyIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	l := w.loading(r, table, 1, "a|1|x")
	c := w.merging().Checkpoint
	c.Tables = []replicator.TableState{{OID: table.OID, Name: table.Name, Target: table.Target, State: replicator.Loading, Load: &l}}
	if _, err := r.Merge(t.Context(), &replicator.Merge{Expect: w.position, Checkpoint: c}); err != nil {
		t.Fatal(err)
	}
	for n, f := range []redshifttest.Fault{
		{Class: "LOCK", Drop: true, After: true},
		{Class: "DELETE", Match: "load_", Drop: true, After: true},
		{Class: "INSERT", Match: "load_", Code: "XX000", Message: "1023"},
		{Class: "DELETE", Match: "held_", Drop: true, After: true},
		{Class: "COMMIT", Drop: true},
		{Class: "COMMIT", Drop: true, After: true},
	} {
		m := w.merging(w.stage(held(batch(t, table, fmt.Sprintf("update a -> b|%d|^", n), "update b -> a|1|^", fmt.Sprintf("insert n%d|1|~", n)), l, 0))...)
		m.Checkpoint.Tables = c.Tables
		if _, err := r.Merge(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		w.position = m.Checkpoint.LSN
		f.Application, f.Nth = "rowshift", 1
		i := w.server.Inject(f)
		_, err := r.Apply(t.Context(), w.epoch, table, l, 0)
		i.Remove()
		if err == nil || i.Hits() != 1 {
			t.Fatalf("fault %d: %v after %d hits", n, err, i.Hits())
		}
		w.fence(r)
		w.applyAll(r, table, l)
		w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts."+l.Into), fmt.Sprint(n+2))
	}
	w.want(w.ask("SELECT word, body FROM rowshift_accounts."+l.Into+" WHERE word = 'a'"), "a|x")
}

// The tables of a load are dropped when it is over: with the join, with the load that begins in
// its place, or with the next fence.
func TestTablesOfLoadsThatAreOverAreDropped(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	first := w.loading(r, table, 1, "a|1|x")
	second := w.loading(r, table, 2, "a|2|x")
	third := w.loading(r, table, 3)
	left := func() []string {
		return w.ask("SELECT table_name FROM svv_tables WHERE table_name LIKE 'load_1%' OR table_name LIKE 'held_1%' ORDER BY table_name")
	}
	w.apply(r, &replicator.Batch{Commit: true, Holds: []replicator.Hold{{Table: table, Into: second.Into, Held: second.Held, Before: first}}})
	w.want(left(), second.Held, third.Held, second.Into, third.Into)
	b := batch(t, table, "update a|3|^")
	b.Folds[0].Into = second.Into
	b.Joins = []replicator.Join{{Table: table, From: second.Into, Held: second.Held}}
	w.apply(r, b)
	w.want(w.words(), "a|3|x")
	w.want(left(), third.Held, third.Into)
	w.fence(r)
	w.want(left())
}

// Redshift takes the held table and the target of the widest table that we accept.
func TestWidestTableIsHeld(t *testing.T) {
	const most = 1600 // https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
	wide := func(n int) (*schema.Table, error) {
		r := schema.Relation{Name: schema.Name{Schema: "public", Table: "wide"}, Kind: 'r', Persistence: 'p', Identity: schema.IdentityDefault, Primary: []int16{1}, Replica: []int16{1}}
		for i := range n {
			r.Attributes = append(r.Attributes, schema.Attribute{Attnum: int16(i + 1), Name: fmt.Sprint("c", i), NotNull: i == 0, Type: schema.Type{OID: 25, Base: 25, Typmod: -1, Name: "text", Category: 'S'}, Toastable: i == 1})
		}
		return schema.Choice{All: true}.Resolve(r, 15)
	}
	n := most
	for ; n > 0; n-- {
		if table, err := wide(n); err == nil {
			if got := len(heldColumns(table)); got > most {
				t.Errorf("a table of %d columns is taken, whose held table has %d", n, got)
			}
			break
		}
	}
	if n < most-10 {
		t.Errorf("no more than %d columns are taken", n)
	}
}
