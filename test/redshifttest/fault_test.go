package redshifttest_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
)

func TestParseFault(t *testing.T) {
	good := map[string]redshifttest.Fault{
		"class=commit,nth=3,drop=after": {Class: "COMMIT", Nth: 3, Drop: true, After: true},
		"class=COMMIT,drop,after":       {Class: "COMMIT", Drop: true, After: true},
		"drop=before":                   {Drop: true},
		"class=INSERT, match=orders,application=loader,probability=0.5,seed=7,error=1023": {
			Class: "INSERT", Match: "orders", Application: "loader", Probability: 0.5, Seed: 7, Code: "XX000", Message: "1023"},
		"stall=forever":               {Stall: -1},
		"stall=2s,after":              {Stall: 2 * time.Second, After: true},
		"code=57p01,message=a, b=c":   {Code: "57P01", Message: "a, b=c"},
		"class=COPY,nth=2,restart=5s": {Class: "COPY", Nth: 2, Restart: 5 * time.Second},
	}
	for rule, want := range good {
		if got, err := redshifttest.ParseFault(rule); err != nil || got != want {
			t.Errorf("%s: %+v, %v", rule, got, err)
		}
	}
	bad := map[string]string{
		"":                        "nothing goes wrong",
		"class=COPY":              "nothing goes wrong",
		"klass=COPY,drop":         `"klass" is not a part of a rule`,
		"drop=later":              `"later" is not before or after`,
		"nth=0,drop":              "it counts from 1",
		"nth=x,drop":              "nth: ",
		"probability=2,drop":      "at most 1",
		"code=1,message=x":        "SQLSTATE",
		"error=1024":              "is not 1023",
		"stall=-2s":               "more than nothing",
		"class=COPY,restart=soon": "restart: ",
	}
	for rule, want := range bad {
		_, err := redshifttest.ParseFault(rule)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// A COMMIT whose request is lost, one whose answer is lost, and one that fails.
func TestFaultsOfCommit(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	conn := c.dial()
	exec(t, conn, "CREATE TABLE t (id INT)")
	for _, test := range []struct {
		rule      string
		committed int
	}{{"drop=before", 0}, {"drop=after", 1}, {"error=1023", 0}, {"error=1023,after", 1}} {
		f, err := redshifttest.ParseFault("class=COMMIT," + test.rule)
		if err != nil {
			t.Fatal(err)
		}
		i := c.Inject(f)
		writer := c.dial()
		exec(t, writer, "BEGIN", "INSERT INTO t VALUES (1)")
		if _, err := writer.Exec(t.Context(), "COMMIT"); err == nil {
			t.Errorf("%s: COMMIT was answered", test.rule)
		}
		i.Remove()
		if i.Hits() != 1 {
			t.Errorf("%s: %d hits", test.rule, i.Hits())
		}
		if f.Code != "" && writer.PgConn().TxStatus() != 'I' {
			t.Errorf("%s: the transaction goes on after a COMMIT that failed", test.rule)
		}
		if n := one[int](t, conn, "SELECT COUNT(*) FROM t"); n != test.committed {
			t.Errorf("%s: %d rows", test.rule, n)
		}
		exec(t, conn, "SELECT pg_terminate_backend(pid) FROM svv_transactions")
		exec(t, conn, "DELETE FROM t")
	}
}

// A probability and a seed choose the same statements each time.
func TestFaultsByChance(t *testing.T) {
	var runs [][]bool
	for range 2 {
		c := newCluster(t, redshifttest.Options{})
		conn := c.dial()
		c.Inject(redshifttest.Fault{Class: "SELECT", Probability: 0.4, Seed: 11, Code: "XX000", Message: "1023"})
		var struck []bool
		for range 30 {
			_, err := conn.Exec(t.Context(), "SELECT 1")
			struck = append(struck, err != nil)
			if p := problem(err); p != nil && !strings.Contains(p.Detail, "Serializable isolation violation on table - ") {
				t.Errorf("%+v", p)
			}
		}
		runs = append(runs, struck)
	}
	if !slices.Equal(runs[0], runs[1]) || !slices.Contains(runs[0], true) || !slices.Contains(runs[0], false) {
		t.Errorf("%v", runs)
	}
}

// no writes while the cluster is resized.
func TestResizing(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	conn := c.dial()
	exec(t, conn, "CREATE TABLE t (id INT)", "BEGIN")
	c.SetResizing(true)
	_ = one[int](t, conn, "SELECT COUNT(*) FROM t")
	_, err := conn.Exec(t.Context(), "INSERT INTO t VALUES (1)")
	if code(err) != "57014" || !strings.Contains(err.Error(), "system is in resize mode") {
		t.Error(err)
	}
	exec(t, conn, "ROLLBACK")
	c.SetResizing(false)
	exec(t, conn, "INSERT INTO t VALUES (1)")
}

// a restart ends sessions, rolls back their transactions, refuses connections
// meanwhile, and leaves the server at the same address.
func TestRestart(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	open, waiting := c.dial(), c.dial()
	exec(t, open, "CREATE TABLE t (id INT)", "BEGIN", "LOCK t", "INSERT INTO t VALUES (1)")
	vanished := c.dial()
	exec(t, vanished, "BEGIN")
	_ = vanished.PgConn().Conn().Close()
	done := start(t, waiting, "INSERT INTO t VALUES (2)")
	c.waits(waiting)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, done); err == nil {
		t.Error("a statement survived")
	}
	if conn, err := net.Dial("tcp", c.Addr()); err == nil {
		t.Error("it listens")
		_ = conn.Close()
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := open.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a session survived")
	}
	conn := c.dial()
	exec(t, conn, "BEGIN", "LOCK t")
	if n := one[int](t, conn, "SELECT COUNT(*) FROM t"); n != 0 {
		t.Errorf("%d rows", n)
	}
	exec(t, conn, "COMMIT")
	i := c.Inject(redshifttest.Fault{Class: "DELETE", Nth: 1, Restart: time.Millisecond})
	if _, err := conn.Exec(t.Context(), "DELETE FROM t"); err == nil {
		t.Error("DELETE was answered by a server that restarts")
	}
	<-i.Reached()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		conn, err := pgx.ConnectConfig(t.Context(), c.config("dev", "dev"))
		if err == nil {
			_ = conn.Close(context.WithoutCancel(t.Context()))
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// commits and rows take their time.
func TestLatency(t *testing.T) {
	c := newCluster(t, redshifttest.Options{CommitLatency: 60 * time.Millisecond, RowCost: 10 * time.Millisecond})
	conn := c.dial()
	took := func(statements ...string) time.Duration {
		began := time.Now()
		exec(t, conn, statements...)
		return time.Since(began)
	}
	exec(t, conn, "CREATE TABLE t (id INT)")
	if d := took("INSERT INTO t VALUES (1), (2), (3)"); d < 90*time.Millisecond {
		t.Errorf("three rows and a commit took %v", d)
	}
	if d := took("BEGIN", "DELETE FROM t", "COMMIT"); d < 90*time.Millisecond {
		t.Errorf("a transaction took %v", d)
	}
}
