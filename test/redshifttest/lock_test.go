package redshifttest_test

import (
	"strings"
	"testing"

	"rowshift/test/redshifttest"
)

// writers of one table wait for each other, readers for nobody.
func TestWritersWaitForEachOther(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	a, b, reader := c.dial(), c.dial(), c.dial()
	exec(t, a, "CREATE TABLE t (id INT)", "CREATE TABLE s (id INT)", "INSERT INTO s VALUES (2)")
	for _, write := range []string{
		"INSERT INTO t VALUES (1)", "UPDATE t SET id = 1", "DELETE FROM t USING s WHERE t.id = s.id", "DELETE t",
		"INSERT INTO t SELECT id FROM s",
	} {
		exec(t, a, "BEGIN", "INSERT INTO t VALUES (2)")
		done := start(t, b, write)
		c.waits(b)
		_ = one[int](t, reader, "SELECT COUNT(*) FROM t")
		exec(t, reader, "INSERT INTO s VALUES (3)")
		exec(t, a, "COMMIT")
		if err := ended(t, done); err != nil {
			t.Errorf("%s: %v", write, err)
		}
	}
}

// a user who may only insert waits as well.
func TestWhoMayOnlyInsertWaits(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	a, b := c.dial(), c.connect(c.config("ann", "ann"))
	exec(t, a, "CREATE TABLE t (id INT)", "GRANT INSERT ON t TO ann", "BEGIN", "INSERT INTO t VALUES (1)")
	done := start(t, b, "INSERT INTO t VALUES (2)")
	c.waits(b)
	exec(t, a, "COMMIT")
	if err := ended(t, done); err != nil {
		t.Error(err)
	}
	if _, err := b.Exec(t.Context(), "DELETE FROM t"); code(err) != "42501" {
		t.Errorf("DELETE without the right: %v", err)
	}
	exec(t, a, "REVOKE INSERT ON t FROM ann")
	if _, err := b.Exec(t.Context(), "INSERT INTO t VALUES (3)"); code(err) != "42501" {
		t.Errorf("INSERT without the right: %v", err)
	}
	if who := one[string](t, b, "SELECT CURRENT_USER"); who != "ann" {
		t.Errorf("the session is %s's now", who)
	}
}

// LOCK stops readers, too.
func TestLockStopsReaders(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	a, b := c.dial(), c.dial()
	exec(t, a, "CREATE TABLE t (id INT)", "BEGIN", "LOCK t")
	done := start(t, b, "SELECT COUNT(*) FROM t")
	c.waits(b)
	exec(t, a, "COMMIT")
	if err := ended(t, done); err != nil {
		t.Error(err)
	}
}

// one of two transactions that wait for each other is ended.
func TestDeadlock(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	a, b := c.dial(), c.dial()
	exec(t, a, "CREATE TABLE t (id INT)", "CREATE TABLE s (id INT)", "BEGIN", "INSERT INTO t VALUES (1)")
	exec(t, b, "BEGIN", "INSERT INTO s VALUES (1)")
	done := start(t, a, "INSERT INTO s VALUES (2)")
	c.waits(a)
	_, second := b.Exec(t.Context(), "INSERT INTO t VALUES (2)")
	if second != nil {
		exec(t, b, "ROLLBACK")
	} else {
		exec(t, b, "COMMIT")
	}
	first := ended(t, done)
	if (code(first) == "40P01") == (code(second) == "40P01") {
		t.Errorf("%v and %v: one has to be a deadlock", first, second)
	}
}

// the snapshot is taken by the first statement that reads. Neither BEGIN, nor
// LOCK, nor a wait for LOCK takes it.
func TestSnapshotAtTheFirstRead(t *testing.T) {
	for _, level := range []redshifttest.Isolation{redshifttest.Snapshot, redshifttest.Serializable} {
		c := newCluster(t, redshifttest.Options{Isolation: level})
		a, b := c.dial(), c.dial()
		exec(t, a, "CREATE TABLE t (id INT)", "CREATE TABLE fence (id INT)", "INSERT INTO fence VALUES (0)")
		exec(t, b, "BEGIN", "LOCK fence", "SET query_group TO 'x'", "SHOW timezone")
		exec(t, a, "BEGIN")
		done := start(t, a, "LOCK fence")
		c.waits(a)
		exec(t, b, "INSERT INTO t VALUES (1)", "UPDATE fence SET id = id + 1", "COMMIT")
		if err := ended(t, done); err != nil {
			t.Fatal(err)
		}
		if n := one[int](t, a, "SELECT COUNT(*) FROM t"); n != 1 {
			t.Errorf("%s: %d rows: the snapshot is older than the lock", level, n)
		}
		exec(t, b, "INSERT INTO t VALUES (2)")
		if n := one[int](t, a, "SELECT COUNT(*) FROM t"); n != 1 {
			t.Errorf("%s: %d rows: the snapshot has moved", level, n)
		}
		exec(t, a, "UPDATE fence SET id = id + 1", "COMMIT")
	}
}

// the first write of a transaction, if it has waited for a lock, sees what the
// other transaction wrote.
func TestAWriteThatWaitedSeesTheOther(t *testing.T) {
	for _, level := range []redshifttest.Isolation{redshifttest.Snapshot, redshifttest.Serializable} {
		c := newCluster(t, redshifttest.Options{Isolation: level})
		a, b := c.dial(), c.dial()
		exec(t, a, "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)", "BEGIN", "UPDATE t SET id = id + 1")
		exec(t, b, "BEGIN")
		done := start(t, b, "UPDATE t SET id = id + 1")
		c.waits(b)
		exec(t, a, "COMMIT")
		if err := ended(t, done); err != nil {
			t.Fatalf("%s: %v", level, err)
		}
		exec(t, b, "COMMIT")
		if n := one[int](t, a, "SELECT id FROM t"); n != 3 {
			t.Errorf("%s: %d", level, n)
		}
	}
}

// the catalogue is read committed, and reading it takes no snapshot.
func TestTheCatalogueIsReadCommitted(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	a, b := c.dial(), c.dial()
	exec(t, b, "CREATE TABLE t (id INT)")
	const made = "SELECT COUNT(*) FROM svv_tables WHERE table_name = 'made'"
	exec(t, a, "SET search_path TO public", "BEGIN")
	if n := one[int](t, a, made); n != 0 {
		t.Fatal(n)
	}
	exec(t, b, "CREATE TABLE made (id INT)", "INSERT INTO t VALUES (1)")
	if n := one[int](t, a, made); n != 1 {
		t.Error("the catalogue is as old as the transaction")
	}
	if n := one[int](t, a, "SELECT COUNT(*) FROM t"); n != 1 {
		t.Error("a query of the catalogue took the snapshot")
	}
	exec(t, a, "CREATE TABLE own (id INT)")
	if n := one[int](t, a, "SELECT COUNT(*) FROM pg_class WHERE relname = 'own'"); n != 1 {
		t.Error("the transaction does not see what it has made")
	}
}

// snapshot isolation refuses to write rows that have changed since the snapshot.
func TestSnapshotConflict(t *testing.T) {
	c := newCluster(t, redshifttest.Options{Isolation: redshifttest.Snapshot})
	a, b := c.dial(), c.dial()
	exec(t, a, "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)", "BEGIN")
	_ = one[int](t, a, "SELECT COUNT(*) FROM t")
	exec(t, b, "UPDATE t SET id = 2")
	_, err := a.Exec(t.Context(), "UPDATE t SET id = 3")
	if code(err) != "XX000" || !strings.Contains(err.Error(), "could not complete because of conflict with concurrent transaction") {
		t.Error(err)
	}
	if _, err := a.Exec(t.Context(), "SELECT 1"); code(err) != "25P02" {
		t.Errorf("afterwards: %v", err)
	}
	exec(t, a, "ROLLBACK", "BEGIN")
	_ = one[int](t, a, "SELECT COUNT(*) FROM t")
	exec(t, b, "BEGIN", "INSERT INTO t VALUES (7)", "COMMIT")
	exec(t, a, "INSERT INTO t VALUES (8)", "COMMIT") // new rows conflict with none
}

// serializable isolation refuses a cycle.
func TestSerializableViolation(t *testing.T) {
	c := newCluster(t, redshifttest.Options{Isolation: redshifttest.Serializable})
	a, b := c.dial(), c.dial()
	exec(t, a, "CREATE TABLE t (id INT)", "CREATE TABLE s (id INT)", "BEGIN")
	exec(t, b, "BEGIN")
	_ = one[int](t, a, "SELECT COUNT(*) FROM t")
	_ = one[int](t, b, "SELECT COUNT(*) FROM s")
	exec(t, a, "INSERT INTO s VALUES (1)", "COMMIT")
	_, err := b.Exec(t.Context(), "INSERT INTO t VALUES (1)")
	if err == nil {
		_, err = b.Exec(t.Context(), "COMMIT")
	}
	p := problem(err)
	if p == nil || p.Code != "XX000" || p.Message != "1023" || !strings.Contains(p.Detail, "transactions forming the cycle are: ") {
		t.Errorf("%v %+v", err, p)
	}
}

// the level belongs to the database, and a session keeps the one with which it
// began.
func TestIsolationIsTheDatabases(t *testing.T) {
	c := newCluster(t, redshifttest.Options{Isolation: redshifttest.Snapshot})
	conflict := func() string {
		a, b := c.dial(), c.dial()
		exec(t, a, "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)", "BEGIN")
		_ = one[int](t, a, "SELECT COUNT(*) FROM t")
		exec(t, b, "UPDATE t SET id = 2")
		_, err := a.Exec(t.Context(), "UPDATE t SET id = 3")
		exec(t, a, "ROLLBACK", "DROP TABLE t")
		return err.Error()
	}
	if got := conflict(); !strings.Contains(got, "conflict") {
		t.Error(got)
	}
	backing.Server(t).Exec(t, "ALTER DATABASE "+c.database+" SET redshift.isolation TO 'serializable'")
	if got := conflict(); !strings.Contains(got, "1023") {
		t.Error(got)
	}
}
