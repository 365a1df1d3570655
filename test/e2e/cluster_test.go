package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promise 1, and what deploy/README.md says of restarts, resizes and sessions that
// Redshift ends: the daemon goes on by itself, and nothing is lost or applied twice. The
// cluster is like one of before May 2024, whose databases are serializable, and its
// commits are slow.
func TestClusterStates(t *testing.T) {
	t.Parallel()
	c := startStates(t)
	load := c.Load(harness.Workload{Seed: 41, Writers: 1, Pause: 60 * time.Millisecond})
	c.restarts(t, "BEGIN", "COPY", "DELETE")
	c.replaceDaemon(t)
	c.restarts(t, "COMMIT")
	c.resizes(t)
	c.violates(t)
	c.replaceDaemon(t)
	c.cutsInTransaction(t)
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	c.balanced(t)
	c.cutsAtRest(t)
	c.balanced(t)
	if code := c.daemon.Terminate(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	c.neverHalted(t)
}

// states is a world whose warehouse goes through the states of a cluster. Each update of
// a company adds a row with a value that does not fit to the table odd: the ledger has it
// once, or twice if its merge was applied twice.
type states struct {
	*harness.World
	daemon *harness.Daemon
	pairs  []harness.Pair
}

func startStates(t *testing.T) *states {
	t.Helper()
	w := harness.Start(t, harness.Setup{
		Accounts: small,
		SQL: []string{
			"CREATE TABLE odd (id bigserial PRIMARY KEY, amount numeric(10,2))", "ALTER TABLE odd OWNER TO app_owner",
			"CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO odd (amount) VALUES ('NaN'); RETURN NULL; END $$",
			"CREATE TRIGGER odd AFTER UPDATE ON company FOR EACH ROW EXECUTE FUNCTION odd()",
		},
		Config: harness.Config{
			Tables: append(slices.Clone(harness.AccountTables), "public.odd: {columns: all}"),
			Batch:  "{rows: 1000, min_interval: 50ms, max_age: 200ms}",
		},
		Redshift: redshifttest.Options{
			Isolation: redshifttest.Serializable, CommitLatency: 30 * time.Millisecond,
			IdleTimeout: 3 * time.Second, IdleInTransactionTimeout: 2 * time.Second,
		},
	})
	odd := harness.Pair{Name: "odd", Source: "SELECT id FROM odd", Target: "SELECT id FROM userdata.odd WHERE amount IS NULL"}
	s := &states{World: w, daemon: w.MustRun(t), pairs: append(slices.Clone(harness.AccountPairs), odd)}
	w.MustBecomeEqual(t, s.pairs...)
	return s
}

// restarts restarts the cluster before and after statements of a merge, one of each
// class.
func (s *states) restarts(t *testing.T, classes ...string) {
	t.Helper()
	for _, class := range classes {
		for _, after := range []bool{false, true} {
			i := s.Warehouse.Inject(redshifttest.Fault{
				Class: class, Application: "rowshift", Nth: 1, After: after, Restart: 100 * time.Millisecond,
			})
			reached(t, i)
			i.Remove()
			s.goesOn(t, fmt.Sprintf("the pipeline to go on after a restart at %s (after it: %v)", class, after))
		}
	}
}

// resizes has the cluster refuse writes until the daemon has met that.
func (s *states) resizes(t *testing.T) {
	t.Helper()
	refusals := s.said("resize mode")
	s.Warehouse.SetResizing(true)
	harness.Until(t, "the daemon to be refused", func() (bool, error) { return s.said("resize mode") > refusals, s.daemon.Alive() })
	s.Warehouse.SetResizing(false)
	s.goesOn(t, "the pipeline to go on after a resize")
}

// violates makes a cycle with a merge that has read the requests and is about to write
// the checkpoint: another transaction reads the checkpoint, writes a request and commits.
// The daemon is refused with 1023, and tries the merge again in place.
func (s *states) violates(t *testing.T) {
	t.Helper()
	violations, passes := s.said("isolation violation"), s.said(`"message":"restarting"`)
	stalled := s.Warehouse.Inject(redshifttest.Fault{Class: "UPDATE", Match: `"checkpoint"`, Application: "rowshift", Nth: 1, Stall: -1})
	reached(t, stalled)
	change(t, s.World, `BEGIN; SELECT lsn FROM rowshift.checkpoint;
		INSERT INTO rowshift.request (kind, source_schema, source_table, token, state) VALUES ('resync', 'public', 'plan', 'cycle', 'done'); COMMIT`)
	stalled.Remove()
	harness.Until(t, "the merge to be refused with 1023", func() (bool, error) {
		return s.said("isolation violation") > violations, s.daemon.Alive()
	})
	s.goesOn(t, "the pipeline to go on after 1023")
	if n := s.said(`"message":"restarting"`) - passes; n > 0 {
		t.Errorf("1023 ended %d passes", n)
	}
}

// cutsInTransaction stops the daemon in the middle of a merge until Redshift has ended
// its session.
func (s *states) cutsInTransaction(t *testing.T) {
	t.Helper()
	stalled := s.Warehouse.Inject(redshifttest.Fault{Class: "DELETE", Application: "rowshift", Nth: 1, Stall: -1})
	reached(t, stalled)
	if !openTransaction(s.World) {
		t.Error("no transaction is open: this shows nothing")
	}
	s.daemon.Signal(syscall.SIGSTOP)
	stalled.Remove()
	harness.Until(t, "the transaction to be ended", func() (bool, error) { return !openTransaction(s.World), nil })
	s.daemon.Signal(syscall.SIGCONT)
	s.goesOn(t, "the pipeline to go on after its transaction was ended")
}

// cutsAtRest waits until Redshift has ended the sessions of an idle daemon, and then
// gives it work. The daemon notices by trying again, and no pass ends.
func (s *states) cutsAtRest(t *testing.T) {
	t.Helper()
	harness.Until(t, "the sessions to be ended", func() (bool, error) {
		return !slices.ContainsFunc(s.Warehouse.Sessions(), func(one redshifttest.Session) bool {
			return strings.HasPrefix(one.Application, "rowshift")
		}), s.daemon.Alive()
	})
	tries, passes := s.said(`"message":"trying again"`), s.said(`"message":"restarting"`)
	execute(t, s.World, "UPDATE company SET plan = 'after a rest'")
	s.MustBecomeEqual(t, s.pairs...)
	if s.said(`"message":"trying again"`) == tries {
		t.Error("the daemon met no session that was ended: this shows nothing")
	}
	if n := s.said(`"message":"restarting"`) - passes; n > 0 {
		t.Errorf("a session that was ended at rest ended %d passes", n)
	}
}

// goesOn waits until the checkpoint is beyond the one that the warehouse has when it
// answers again.
func (s *states) goesOn(t *testing.T, what string) {
	t.Helper()
	was := ""
	harness.Until(t, what, func() (bool, error) {
		rows, err := harness.Rows(t.Context(), s.WarehouseDSN("dev", "dev"), "SELECT lsn FROM rowshift.checkpoint")
		if err != nil {
			return false, err
		}
		if was == "" {
			was = rows[0]
		}
		return rows[0] != was, s.daemon.Alive()
	})
}

// balanced waits until all is equal, and checks that the ledger has each value that did
// not fit once.
func (s *states) balanced(t *testing.T) {
	t.Helper()
	s.MustBecomeEqual(t, s.pairs...)
	odd := one(t, s.World, "SELECT count(*) FROM odd")
	if told := warehouse(t, s.World, "SELECT COUNT(*) FROM rowshift.ledger WHERE source_table = 'odd'"); told != odd || odd == "0" {
		t.Errorf("the ledger tells of %s values, and %s did not fit", told, odd)
	}
}

// replaceDaemon replaces the daemon by a new process, which waits less after its first
// failures than one that had several within a minute.
func (s *states) replaceDaemon(t *testing.T) {
	t.Helper()
	s.neverHalted(t)
	end(t, s.World, s.daemon)
	s.daemon = s.MustRun(t)
	s.daemon.MustSee(t, `"message":"streaming"`)
}

func (s *states) neverHalted(t *testing.T) {
	t.Helper()
	if s.said(`"message":"halted"`) > 0 {
		t.Error("the daemon halted")
	}
}

// said returns how often the daemon has logged something.
func (s *states) said(what string) int { return strings.Count(s.daemon.Log(), what) }
