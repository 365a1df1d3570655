package redshift

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

func TestFenceWritesFirstAndRaisesAfterwards(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	if c, err := r.Checkpoint(t.Context()); c != nil || err != nil {
		t.Fatalf("before anything: %v, %v", c, err)
	}
	want := first()
	want.Time = time.Date(2026, 5, 17, 10, 0, 0, 123456000, time.UTC)
	want.Epoch = 1
	given := want
	given.Epoch = 0
	got, err := r.Fence(t.Context(), given)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("first: %+v, %v", got, err)
	}
	other := w.warehouse(nil)
	want.Epoch = 2
	if got, err = other.Fence(t.Context(), first()); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("again: %+v, want %+v, %v", got, want, err)
	}
	read, err := r.Checkpoint(t.Context())
	if err != nil || !reflect.DeepEqual(*read, want) {
		t.Fatalf("read: %+v, %v", read, err)
	}
}

func TestFenceOfAnotherPipeline(t *testing.T) {
	w := newWorld(t)
	w.fence(w.warehouse(nil))
	_, err := w.warehouse(func(o *Options) { o.Pipeline = "orders" }).Fence(t.Context(), first())
	wantHalt(t, err, replicator.WarehouseTaken)
	if got := w.ask(`SELECT epoch FROM rowshift_accounts.checkpoint`); got[0] != "1" {
		t.Errorf("the epoch is %v", got)
	}
}

func TestFenceOfADatabaseThatDoesNotTellCase(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	w.fence(r)
	w.below("CREATE COLLATION public.folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	w.below("ALTER TABLE rowshift_accounts.checkpoint ALTER COLUMN phase TYPE varchar(16) COLLATE public.folded")
	_, err := r.Fence(t.Context(), first())
	wantHalt(t, err, replicator.WarehouseUnfit)
	if got := w.ask("SELECT epoch FROM rowshift_accounts.checkpoint"); got[0] != "1" {
		t.Errorf("the epoch is %v", got)
	}
}

func TestFenceDropsLoadTablesOfEarlierEpochsOnly(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	w.fence(r)
	for _, name := range []string{"load_1_1_5", "load_9_1_5", "load_balance", "load_x_1_2"} {
		w.admin("CREATE TABLE rowshift_accounts." + name + " (id INT)")
		w.admin("ALTER TABLE rowshift_accounts." + name + " OWNER TO loader")
	}
	w.fence(r)
	got := w.ask("SELECT table_name FROM svv_tables WHERE table_schema = 'rowshift_accounts' AND table_name LIKE 'load%' ORDER BY 1")
	if strings.Join(got, " ") != "load_9_1_5 load_balance load_x_1_2" {
		t.Errorf("left: %v", got)
	}
}

// What loads of a pipeline before have left is gone at the first epoch, whatever theirs was: a load
// of the same name would take such a table for its own.
func TestFirstFenceDropsAllLoadTables(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	w.fence(r)
	for _, name := range []string{"load_1_1_5", "load_9_1_5", "load_balance"} {
		w.admin("CREATE TABLE rowshift_accounts." + name + " (id INT)")
		w.admin("ALTER TABLE rowshift_accounts." + name + " OWNER TO loader")
	}
	w.admin("DROP TABLE rowshift_accounts.checkpoint CASCADE")
	if c := w.fence(w.warehouse(nil)); c.Epoch != 1 {
		t.Errorf("begins with epoch %d", c.Epoch)
	}
	w.want(w.ask("SELECT table_name FROM svv_tables WHERE table_schema = 'rowshift_accounts' AND table_name LIKE 'load%' ORDER BY 1"), "load_balance")
}

// remembersLoad merges nothing but the state that a table is loading, by that load.
func (w *world) remembersLoad(r *Warehouse, table *schema.Table, load *replicator.LoadState) {
	w.t.Helper()
	m := w.merging()
	m.Checkpoint.Tables = first(table).Tables
	m.Checkpoint.Tables[0].State, m.Checkpoint.Tables[0].Load = replicator.Loading, load
	if _, err := r.Merge(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
	w.position = m.Checkpoint.LSN
}

// The tables of an unfinished load survive a fence of their own process, and not one of another.
func TestFenceLeavesALoadThatGoesOn(t *testing.T) {
	w := newWorld(t)
	table := keyed()
	r := w.warehouse(nil)
	w.fence(r)
	w.make(r, table)
	l := w.loading(r, table, 1, "a|1|x")
	w.remembersLoad(r, table, &replicator.LoadState{Into: l.Into, Held: l.Held, HandOver: 90})
	there := func() []string {
		return w.ask(fmt.Sprintf("SELECT COUNT(*) FROM svv_tables WHERE table_schema = 'rowshift_accounts' AND table_name IN ('%s', '%s')", l.Into, l.Held))
	}
	w.fence(r)
	w.fence(r)
	w.want(there(), "2")
	w.fence(w.warehouse(nil))
	w.want(there(), "0")
}

// The tables of a load that was given up, and is no longer in the states, are dropped.
func TestTablesOfALoadThatIsGivenUpAreDropped(t *testing.T) {
	w := newWorld(t)
	table := keyed()
	r := w.warehouse(nil)
	w.fence(r)
	w.make(r, table)
	l := w.loading(r, table, 1, "a|1|x")
	w.remembersLoad(r, table, &replicator.LoadState{Into: l.Into, Held: l.Held, HandOver: 90})
	w.remembersLoad(r, table, nil)
	w.want(w.ask(fmt.Sprintf("SELECT table_name FROM svv_tables WHERE table_name IN ('%s', '%s', '%s')", l.Into, l.Held, ledgerOf(l.Held))))
}

func TestIdleSessionCloses(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.IdleClose = 20 * time.Millisecond })
	w.fence(r)
	w.eventually("the session is closed", func() bool {
		return !slices.ContainsFunc(w.server.Sessions(), func(s redshifttest.Session) bool { return s.User == "loader" })
	})
	if c := w.fence(r); c.Epoch != 2 {
		t.Errorf("epoch %d after the session was closed", c.Epoch)
	}
}

func TestFenceAnswerLostAtCommitIsNotRetryable(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	f := w.server.Inject(redshifttest.Fault{Class: "COMMIT", Nth: 1, Drop: true, After: true})
	_, err := r.Fence(t.Context(), first())
	f.Remove()
	if err == nil || replicator.Retryable(err) || replicator.Final(err) {
		t.Errorf("the answer of COMMIT lost: %v", err)
	}
	if c := w.fence(r); c.Epoch != 2 {
		t.Errorf("epoch %d", c.Epoch)
	}
}

// wantHalt fails the test if err is not a halt for that reason.
func wantHalt(t testing.TB, err error, reason replicator.Reason) *replicator.Halt {
	t.Helper()
	h, ok := errors.AsType[*replicator.Halt](err)
	if !ok || h.Reason != reason || h.Found == "" || h.Means == "" || h.Repair == "" {
		t.Fatalf("%v, want a halt for %s", err, reason)
	}
	return h
}

// A ledger or quarantine that somebody dropped is a halt, which tells how to make it anew. Where
// nothing can have been in it, it is made without asking.
func TestLedgerAndQuarantineAreMissed(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	for _, name := range []string{"quarantine", "ledger"} {
		w.admin("DROP TABLE rowshift_accounts." + name)
		_, err := r.Merge(t.Context(), w.merging(w.stage(batch(t, table, "insert a|1|x"))...))
		if name == "quarantine" && err == nil {
			t.Error("merged without a quarantine")
		}
		_, err = r.Fence(t.Context(), first(table))
		h := wantHalt(t, err, replicator.WarehouseUnfit)
		_, create, _ := strings.Cut(h.Repair, "user: ")
		create, _, _ = strings.Cut(create, "; then rowshift resync")
		if !strings.Contains(h.Found, name) || !strings.HasPrefix(create, "CREATE TABLE") {
			t.Fatal(h)
		}
		for _, layout := range []int{newestLayout, accounted} { // moving up from there makes neither
			w.admin(fmt.Sprintf("UPDATE rowshift_accounts.checkpoint SET layout = %d", layout))
			_, err := r.Fence(t.Context(), first(table))
			wantHalt(t, err, replicator.WarehouseUnfit)
			if f := find(t, w.check(r, table), "checkpoint"); f.Verdict != replicator.Failure || !strings.HasPrefix(f.Found, h.Found) {
				t.Errorf("layout %d: check says %+v", layout, f)
			}
			_, err = r.Quarantine(t.Context(), nil, 10)
			wantHalt(t, err, replicator.WarehouseUnfit)
		}
		w.query(must(w.config("loader")(t.Context())), create)
		w.fence(r, table)
	}
	w.apply(r, batch(t, table, "insert a|1|x"))
	w.admin("DELETE FROM rowshift_accounts.checkpoint", "DROP TABLE rowshift_accounts.ledger", "DROP TABLE rowshift_accounts.quarantine")
	w.fence(r, table)
	w.want(w.ledger())
	w.want(w.quarantine())
}

// A quarantine that was dropped together with another metadata table is missed as well: only the
// other one is made anew.
func TestQuarantineIsMissedBesideOthers(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	for _, other := range []string{"TABLE rowshift_accounts.fence", "TABLE rowshift_accounts.request", "VIEW rowshift_accounts.freshness", "TABLE rowshift_accounts.table_state"} {
		w.admin("DROP TABLE rowshift_accounts.quarantine", "DROP "+other)
		for range 2 { // it stays missed
			_, err := w.warehouse(analysts).Fence(t.Context(), first(table))
			if h := wantHalt(t, err, replicator.WarehouseUnfit); !strings.Contains(h.Found, "quarantine") {
				t.Errorf("%s: %v", other, h)
			}
		}
		w.query(must(w.config("loader")(t.Context())), r.metadata.createLedger()[1])
		w.fence(r, table)
	}
}
