package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

func TestParseVisibility(t *testing.T) {
	tests := []struct {
		text  string
		want  replicator.Visibility
		wrong bool
	}{
		{text: "10:10:", want: replicator.Visibility{XMin: 10, XMax: 10, InProgress: []uint64{}}},
		{text: "10:20:10,14,15", want: replicator.Visibility{XMin: 10, XMax: 20, InProgress: []uint64{10, 14, 15}}},
		{text: "8589934592:8589934600:8589934592", want: replicator.Visibility{XMin: 1 << 33, XMax: 1<<33 + 8, InProgress: []uint64{1 << 33}}},
		{text: "", wrong: true},
		{text: "10:20", wrong: true},
		{text: "10:20:a", wrong: true},
		{text: "10:20:1,", wrong: true},
		{text: "-1:20:", wrong: true},
	}
	for _, test := range tests {
		got, err := parseVisibility(test.text)
		if (err != nil) != test.wrong {
			t.Errorf("%q: %v", test.text, err)
		}
		if d := cmp.Diff(test.want, got); d != "" && !test.wrong {
			t.Errorf("%q: %s", test.text, d)
		}
	}
}

// TestSnapshotRights shows which rights a role needs, and what it is told if it lacks them.
func TestSnapshotRights(t *testing.T) {
	tests := []struct {
		name    string
		grant   string // %s is the role
		columns []string
		rows    int
		repair  string
	}{
		{name: "on the columns only", grant: `GRANT SELECT (id, v) ON a TO %s`, columns: []string{"id", "v"}, rows: 2},
		{name: "on the columns and ctid", grant: `GRANT SELECT (id, v, ctid) ON a TO %s`, columns: []string{"id", "v"}, rows: 2},
		{name: "on the table", grant: `GRANT SELECT ON a TO %s`, rows: 2},
		{name: "on too few columns", grant: `GRANT SELECT (id) ON a TO %s`, columns: []string{"id", "v"}, repair: `GRANT SELECT ("id", "v", ctid) ON "public"."a"`},
		{name: "none", grant: `GRANT USAGE ON SCHEMA public TO %s`, repair: `GRANT SELECT ("id", "v", "email", ctid) ON "public"."a"`},
		{name: "a policy hides rows", grant: `GRANT SELECT ON a TO %s; ALTER TABLE a ENABLE ROW LEVEL SECURITY`, repair: `BYPASSRLS`},
		{name: "a policy is bypassed", grant: `GRANT SELECT ON a TO %[1]s; ALTER TABLE a ENABLE ROW LEVEL SECURITY; ALTER ROLE %[1]s BYPASSRLS`, rows: 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text, email text); INSERT INTO a VALUES (1, 'x', 'y'), (2, NULL, NULL)`)
			a := w.table("a", test.columns...)
			w.exec(other, fmt.Sprintf(`CREATE ROLE %s LOGIN; `+test.grant, w.role(), w.role()))
			w.program.User = w.role()
			rows, err := w.everything(t.Context(), a)
			if test.repair == "" {
				if err != nil || len(rows["a"]) != test.rows {
					t.Errorf("%d rows, %v", len(rows["a"]), err)
				}
				return
			}
			var halt *replicator.Halt
			if !errors.As(err, &halt) || halt.Reason != replicator.TableUnfit || !strings.Contains(halt.Repair, test.repair) {
				t.Errorf("got %v", err)
			}
			w.deserted()
		})
	}
}

// TestSnapshotOutlastsTimeouts shows that settings of the role end no session of a
// snapshot.
func TestSnapshotOutlastsTimeouts(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, fmt.Sprintf(`
		CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);
		CREATE ROLE %[1]s LOGIN SUPERUSER;
		ALTER ROLE %[1]s SET idle_in_transaction_session_timeout = '50ms'; ALTER ROLE %[1]s SET idle_session_timeout = '2s';
		ALTER ROLE %[1]s SET statement_timeout = '50ms'; ALTER ROLE %[1]s SET default_transaction_isolation = 'serializable';
		ALTER ROLE %[1]s SET default_transaction_read_only = on; ALTER ROLE %[1]s SET default_transaction_deferrable = on`, w.role()))
	w.program.User = w.role()
	s := w.take(w.table("a"))
	for range 2 {
		w.until(other, `pg_sleep(2.5) IS NOT NULL`)
		if rows, err := copied(t.Context(), s); err != nil || len(rows["a"]) != 1 {
			t.Errorf("%d rows, %v", len(rows["a"]), err)
		}
	}
}

// TestSnapshotCancelled shows that nothing is left of a snapshot that was given up
// while it waited.
func TestSnapshotCancelled(t *testing.T) {
	tests := []struct {
		name  string
		begin string
		said  string
	}{
		{name: "for a transaction", begin: `BEGIN; INSERT INTO a VALUES (1)`, said: "session"},
		{name: "for a prepared one", begin: `BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'p'`, said: "prepared"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
			a := w.table("a")
			w.exec(other, test.begin)
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := w.Snapshot(ctx, tables(a))
				failed <- err
			}()
			w.heard(test.said)
			cancel()
			if err := <-failed; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			w.deserted()
			if strings.Contains(test.begin, "PREPARE") {
				w.exec(other, `ROLLBACK PREPARED 'p'`)
			}
		})
	}
}

// TestSnapshotOutlivesItsContext shows that a snapshot stays when the context that it
// was taken with is over, and ends by Close, however often that is called.
func TestSnapshotOutlivesItsContext(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)`)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := w.Snapshot(ctx, tables(w.table("a")))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if rows, err := copied(t.Context(), s); err != nil || len(rows["a"]) != 1 {
		t.Errorf("%d rows, %v", len(rows["a"]), err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	w.deserted()
}

// TestSnapshotStandsStill shows that a snapshot gives what was there when it was taken,
// whatever is written afterwards, and that what it says of itself is true.
func TestSnapshotStandsStill(t *testing.T) {
	w := newWorld(t)
	other, third := w.dial(), w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'old'), (2, 'old'); CREATE TABLE b (id int PRIMARY KEY)`)
	a, b := w.table("a"), w.table("b")
	before := w.lsn(other, `pg_current_wal_insert_lsn()`)
	s := w.take(a, b)
	w.exec(third, `BEGIN; UPDATE a SET v = 'new'; DELETE FROM a WHERE id = 2; INSERT INTO a VALUES (3, 'new'); INSERT INTO b VALUES (1)`)
	var xid uint32
	if err := third.QueryRow(t.Context(), `SELECT pg_current_xact_id()::xid`).Scan(&xid); err != nil {
		t.Fatal(err)
	}
	w.exec(third, `COMMIT`)
	w.exec(third, `VACUUM a`)
	rows, err := copied(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string][]string{"a": {"1|old", "2|old"}}, rows); d != "" {
		t.Error(d)
	}
	taken := s.Taken()
	if taken.HandOver <= before || taken.Seen.Sees(xid) || len(taken.Tables) != 2 || len(taken.Ranges) != 2 {
		t.Errorf("taken %+v, after %s and before transaction %d", taken, before, xid)
	}
}

// everything takes a snapshot, reads it and closes it.
func (w *world) everything(ctx context.Context, t ...*schema.Table) (map[string][]string, error) {
	s, err := w.Snapshot(ctx, t)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return copied(ctx, s)
}

// role is the name of a role of this world.
func (w *world) role() string { return "role_" + w.config.Database }

// TestSettleOfAPlainRole shows that settle can say what it waits for even if the role may
// not see what others do.
func TestSettleOfAPlainRole(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int); SET application_name = 'nightly job'; CREATE ROLE `+w.role()+` LOGIN`)
	w.exec(other, `BEGIN; INSERT INTO a VALUES (1)`)
	w.program.User = w.role()
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	ours := w.ours()
	failed := make(chan error, 1)
	go func() { failed <- w.settle(ctx, ours) }()
	w.heard(fmt.Sprintf("session %d (nightly job)", other.PgConn().PID()))
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestSnapshotTakenTooLate shows that the locks are given back if it takes too long until
// they are watched.
func TestSnapshotTakenTooLate(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY)`)
	a := w.table("a")
	w.options.LoadYield = 100 * time.Millisecond
	connects := 0
	config := w.options.Config
	w.options.Config = func(ctx context.Context) (*pgx.ConnConfig, error) {
		if connects++; connects == 3 { // the marker, the locks, and the keeper
			<-ctx.Done()
		}
		return config(ctx)
	}
	if _, err := w.Snapshot(t.Context(), tables(a)); !errors.Is(err, replicator.ErrYielded) {
		t.Errorf("got %v", err)
	}
	w.deserted()
}

// TestUnreadableIsRepaired shows that what is printed for a table that may not be read
// makes it readable. That includes the columns of its condition, and a name is not mistaken
// for a policy.
func TestUnreadableIsRepaired(t *testing.T) {
	tests := []struct {
		name, where, spoil string
		never              string // what must not be in the repair
	}{
		{name: "a", where: "email > ''", spoil: `GRANT SELECT (id, v, ctid) ON a TO %s`, never: "BYPASSRLS"},
		{name: "row-level security", spoil: `GRANT SELECT (id) ON "row-level security" TO %s`, never: "BYPASSRLS"},
		{name: "a", spoil: `GRANT SELECT ON a TO %s; ALTER TABLE a ENABLE ROW LEVEL SECURITY`, never: "GRANT"},
		{name: "a", spoil: `GRANT SELECT (id) ON a TO %s; ALTER TABLE a ENABLE ROW LEVEL SECURITY`, never: "email"},
	}
	for _, test := range tests {
		t.Run(test.spoil, func(t *testing.T) {
			w := newWorld(t)
			if w.major() < schema.ColumnListMajor {
				t.Skip("publications have no conditions before 15")
			}
			other := w.dial()
			w.exec(other, fmt.Sprintf(`CREATE TABLE %[1]q (id int PRIMARY KEY, v text, email text); ALTER TABLE %[1]q REPLICA IDENTITY FULL; INSERT INTO %[1]q VALUES (1, 'x', 'y')`, test.name))
			w.exec(other, fmt.Sprintf(`CREATE ROLE %s LOGIN; `+test.spoil, w.role(), w.role()))
			w.choose(schema.Choice{Name: schema.Name{Schema: "public", Table: test.name}, Columns: []string{"id", "v"}, UnlistedOnWire: true, Where: test.where})
			table := must(w.Tables(t.Context()))[0]
			w.program.User = w.role()
			_, err := w.everything(t.Context(), table)
			var unfit *replicator.Unfit
			if !errors.As(err, &unfit) || unfit.Why.Reason != replicator.TableUnfit {
				t.Fatal(err)
			}
			repair, _, _ := strings.Cut(unfit.Why.Repair, "; then rowshift resync")
			if strings.Contains(repair, test.never) {
				t.Errorf("%s has no need of %s", repair, test.never)
			}
			w.exec(other, repair)
			if rows, err := w.everything(t.Context(), table); err != nil || len(rows[test.name]) != 1 {
				t.Errorf("repaired by %s: %q, %v", repair, rows, err)
			}
		})
	}
}
