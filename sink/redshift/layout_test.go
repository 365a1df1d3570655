package redshift

import (
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/test/redshifttest"
)

const version = "v1.5.0"

func versioned(o *Options) { o.Version = version }

// oldest makes the metadata tables of layout 1, with a checkpoint of epoch 1.
func (w *world) oldest() {
	w.t.Helper()
	w.fence(w.warehouse(nil), keyed())
	w.admin("ALTER TABLE rowshift_accounts.checkpoint DROP COLUMN written_by", "DROP TABLE rowshift_accounts.request", "DROP TABLE rowshift_accounts.ledger", "DROP TABLE rowshift_accounts.quarantine", "UPDATE rowshift_accounts.checkpoint SET layout = 1")
}

// metadataIs fails the test unless the checkpoint's columns are these.
func (w *world) metadataIs(want string) {
	w.t.Helper()
	w.want(w.ask("SELECT layout, epoch, lsn, written_by FROM rowshift_accounts.checkpoint"), want)
}

func TestEachLayoutHasItsStep(t *testing.T) {
	if n := len(metadata("m").upgrades()); n != newestLayout-1 {
		t.Errorf("%d steps to layout %d", n, newestLayout)
	}
}

func TestFirstFenceWritesTheLayout(t *testing.T) {
	w := newWorld(t)
	w.fence(w.warehouse(versioned))
	w.fence(w.warehouse(func(o *Options) { o.Version = "v1.4.9" }))
	w.metadataIs("5|2|0/64|" + version) // the version that wrote the layout, and not the one that wrote last
}

func TestFenceMovesAnOlderLayoutUp(t *testing.T) {
	w := newWorld(t)
	w.oldest()
	r := w.warehouse(versioned)
	if c, err := r.Checkpoint(t.Context()); err != nil || c == nil || c.Epoch != 1 {
		t.Fatalf("before it is moved up: %+v, %v", c, err)
	}
	if planned, err := r.Plan(t.Context(), nil, replicator.Foreseen{}); err != nil || !strings.Contains(strings.Join(planned, "; "), `ADD COLUMN "written_by"`) {
		t.Errorf("planned: %q, %v", planned, err)
	}
	if c := w.fence(r); c.Epoch != 2 {
		t.Errorf("epoch %d", c.Epoch)
	}
	w.metadataIs("5|2|0/64|" + version)
	w.fence(r)
	w.metadataIs("5|3|0/64|" + version)
}

// A daemon that dies, or is refused, while it moves the tables up leaves them as they were.
func TestLayoutIsMovedUpWhole(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]redshifttest.Fault{
		"refused after the first statement": {Match: `SET "layout"`, Code: "XX000", Message: "assert"},
		"refused at the epoch":              {Match: `SET "epoch"`, Code: "XX000", Message: "assert"},
		"dropped at COMMIT":                 {Class: "COMMIT", Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.oldest()
			fault.Application, fault.Nth = "rowshift", 1
			f := w.server.Inject(fault)
			_, err := w.warehouse(versioned).Fence(t.Context(), first())
			f.Remove()
			if err == nil || replicator.Final(err) {
				t.Fatal(err)
			}
			if name != "dropped at COMMIT" { // its session keeps the table locked until the next fence
				w.want(w.ask("SELECT layout, epoch FROM rowshift_accounts.checkpoint"), "1|1")
				w.want(w.ask("SELECT COUNT(*) FROM svv_columns WHERE table_name = 'checkpoint' AND column_name = 'written_by'"), "0")
			}
			w.fence(w.warehouse(versioned))
			w.metadataIs("5|2|0/64|" + version)
		})
	}
}

// An older binary halts and says which one is needed, whatever the newer one has done to the
// tables.
func TestFenceOfANewerLayout(t *testing.T) {
	w := newWorld(t)
	w.fence(w.warehouse(nil))
	w.admin("UPDATE rowshift_accounts.checkpoint SET layout = 9, written_by = 'v3.0.0'")
	r := w.warehouse(versioned)
	for _, spoil := range []string{"", "ALTER TABLE rowshift_accounts.checkpoint RENAME COLUMN lsn TO reached"} {
		if spoil != "" {
			w.admin(spoil)
		}
		_, fenced := r.Fence(t.Context(), first())
		_, read := r.Checkpoint(t.Context())
		for _, err := range []error{fenced, read} {
			h := wantHalt(t, err, replicator.WarehouseUnfit)
			if h.Repair != "run rowshift v3.0.0 or later" || !strings.Contains(h.Means, version) || !strings.Contains(h.Found, "layout 9") {
				t.Errorf("%+v", h)
			}
		}
	}
	w.admin("ALTER TABLE rowshift_accounts.checkpoint DROP COLUMN written_by")
	_, err := r.Fence(t.Context(), first())
	if h := wantHalt(t, err, replicator.WarehouseUnfit); h.Repair != "run a newer rowshift" {
		t.Errorf("%+v", h)
	}
}

func TestMetadataThatWasAlteredHalts(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	w.fence(r)
	for _, spoil := range []string{"layout = 0", "layout = 2, lsn = 'nonsense'"} {
		w.admin("UPDATE rowshift_accounts.checkpoint SET " + spoil)
		_, err := r.Fence(t.Context(), first())
		wantHalt(t, err, replicator.WarehouseUnfit)
	}
}

// A table that was loaded in layout 2, which had no held tables, keeps its load table when the
// layout is moved up, and its load goes on.
func TestLoadedTableOutlivesTheLayout(t *testing.T) {
	w := newWorld(t)
	table := keyed()
	r := w.warehouse(versioned)
	w.fence(r)
	w.make(r, table)
	l := w.loading(r, table, 1, "a|1|x", "b|2|y")
	before := first(table)
	before.Tables[0].State, before.Tables[0].Load = replicator.Loading, &replicator.LoadState{Into: l.Into, Loaded: true, HandOver: 90, Rows: 2}
	m := w.merging()
	m.Checkpoint.Tables = before.Tables
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.admin("DROP TABLE rowshift_accounts.request", "DROP TABLE rowshift_accounts."+l.Held, "UPDATE rowshift_accounts.checkpoint SET layout = 2")
	c := w.fence(w.warehouse(versioned))
	if got := c.Tables[0].Load; got == nil || got.Into != l.Into || !got.Loaded || got.Held != "" || got.HandOver != 90 {
		t.Errorf("the load is %+v", got)
	}
	w.want(w.ask("SELECT layout FROM rowshift_accounts.checkpoint"), "5")
	w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts."+l.Into), "2")
	w.want(w.resets())
}
