package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// TestSourceChanges shows each kind of change as the stream brings it.
func TestSourceChanges(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<10) // stored out of line
	huge := strings.Repeat("x", 20<<20)
	tests := []struct {
		name   string
		tables string // all of them are called a, b, c
		choose []schema.Choice
		write  string
		want   []string
	}{
		{"insert, update, delete", `CREATE TABLE a (id int PRIMARY KEY, v text)`, every("a"),
			`INSERT INTO a VALUES (1, 'x'), (2, NULL); UPDATE a SET v = '' WHERE id = 1; DELETE FROM a WHERE id = 2`,
			[]string{"insert a new(1|x)", "insert a new(2|<null>)", "update a new(1|)", "delete a key(2)"}},
		{"a key changes", `CREATE TABLE a (x int, y text, v text, PRIMARY KEY (y, x)); INSERT INTO a VALUES (1, 'k', 'v')`, every("a"),
			`UPDATE a SET x = 2, v = 'w'; UPDATE a SET v = 'u'; DELETE FROM a`,
			[]string{"update a key(k|1) new(2|k|w)", "update a new(2|k|u)", "delete a key(k|2)"}},
		{"keys swap", `CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x'), (2, 'y')`, every("a"),
			`BEGIN; UPDATE a SET id = -1 WHERE id = 1; UPDATE a SET id = 1 WHERE id = 2; UPDATE a SET id = 2 WHERE id = -1; COMMIT`,
			[]string{"update a key(1) new(-1|x)", "update a key(2) new(1|y)", "update a key(-1) new(2|x)"}},
		{"unchanged TOAST", `CREATE TABLE a (id int PRIMARY KEY, big text, v text); ALTER TABLE a ALTER big SET STORAGE EXTERNAL; INSERT INTO a VALUES (1, '` + big + `', 'x')`, every("a"),
			`UPDATE a SET v = 'y'; UPDATE a SET id = 2; UPDATE a SET big = 'small'`,
			[]string{"update a new(1|<unchanged>|y)", "update a key(1) new(2|<unchanged>|y)", "update a new(2|small|y)"}},
		{"a key out of line", `CREATE TABLE a (id text PRIMARY KEY, v int); ALTER TABLE a ALTER id SET STORAGE EXTERNAL; INSERT INTO a VALUES ('` + big[:2600] + `', 1)`, every("a"),
			`UPDATE a SET v = 2`,
			[]string{"update a key(" + big[:2600] + ") new(<unchanged>|2)"}},
		{"identity full", `CREATE TABLE a (id int PRIMARY KEY, big text, v text); ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE a ALTER big SET STORAGE EXTERNAL; INSERT INTO a VALUES (1, '` + big + `', NULL)`, every("a"),
			`UPDATE a SET v = 'y'; DELETE FROM a`,
			[]string{"update a key(1) old(1|" + big + "|<null>) new(1|<unchanged>|y)", "delete a key(1) old(1|" + big + "|y)"}},
		{"identity by an index", `CREATE TABLE a (id int PRIMARY KEY, code text NOT NULL, v int); CREATE UNIQUE INDEX i ON a (code) INCLUDE (v); ALTER TABLE a REPLICA IDENTITY USING INDEX i; INSERT INTO a VALUES (1, 'c', 1)`, every("a"),
			`UPDATE a SET id = 2; UPDATE a SET code = 'd'; DELETE FROM a`,
			[]string{"update a new(2|c|1)", "update a key(c) new(2|d|1)", "delete a key(d)"}},
		{"truncation cascades", `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY REFERENCES a); CREATE TABLE c (id int PRIMARY KEY REFERENCES b)`, every("a", "b"),
			`BEGIN; INSERT INTO a VALUES (1); TRUNCATE a CASCADE; INSERT INTO a VALUES (2); COMMIT`,
			[]string{"insert a new(1)", "truncate a", "truncate b", "insert a new(2)"}},
		{"a huge row", `CREATE TABLE a (id int PRIMARY KEY, v text)`, every("a"),
			`INSERT INTO a SELECT 1, repeat('x', 20 << 20); INSERT INTO a VALUES (2, 'y')`,
			[]string{"insert a new(1|" + huge + ")", "insert a new(2|y)"}},
		{"what is rolled back", `CREATE TABLE a (id int PRIMARY KEY)`, every("a"),
			`BEGIN; INSERT INTO a VALUES (1); SAVEPOINT s; INSERT INTO a VALUES (2); ROLLBACK TO s; INSERT INTO a VALUES (3); COMMIT; BEGIN; INSERT INTO a VALUES (4); ROLLBACK`,
			[]string{"insert a new(1)", "insert a new(3)"}},
		{"domains, enums, arrays", `CREATE DOMAIN short AS varchar(5); CREATE DOMAIN shorter AS short CHECK (length(value) < 4); CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE a (id int PRIMARY KEY, d shorter, m mood, l mood[], n numeric(6,2))`, every("a"),
			`INSERT INTO a VALUES (1, 'abc', 'ok', '{sad,NULL}', 12.3)`,
			[]string{"insert a new(1|abc|ok|{sad,NULL}|12.30)"}},
		{"only what is chosen", `CREATE TABLE a (id int PRIMARY KEY, secret text, v text, g int GENERATED ALWAYS AS (id * 2) STORED); CREATE TABLE b (id int PRIMARY KEY)`,
			[]schema.Choice{{Name: schema.Name{Schema: "public", Table: "a"}, Exclude: []string{"secret"}, UnlistedOnWire: true}},
			`INSERT INTO a VALUES (1, 's', 'x'); INSERT INTO b VALUES (1); UPDATE a SET secret = 't'; UPDATE a SET id = 2; TRUNCATE b`,
			[]string{"insert a new(1|x)", "update a new(1|x)", "update a key(1) new(2|x)"}},
		{"identity full, not all chosen", `CREATE TABLE a (id int PRIMARY KEY, secret text, v text); ALTER TABLE a REPLICA IDENTITY FULL; INSERT INTO a VALUES (1, 's', 'x')`,
			[]schema.Choice{{Name: schema.Name{Schema: "public", Table: "a"}, Columns: []string{"v", "id"}, UnlistedOnWire: true}},
			`UPDATE a SET v = 'y'; DELETE FROM a`,
			[]string{"update a key(1) old(1|x) new(1|y)", "delete a key(1) old(1|y)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, test.tables)
			w.choose(test.choose...)
			w.create()
			f := w.follow(w.confirmed())
			for _, statement := range strings.Split(test.write, "; ") {
				w.exec(other, statement)
			}
			if d := cmp.Diff(test.want, f.read(w.marked())); d != "" {
				t.Errorf("%.3000s", d)
			}
		})
	}
}

// TestSourceGoesOn shows that a transaction is received once: a stream that begins after
// the end of its commit does not bring it again, and brings all that follow.
func TestSourceGoesOn(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	f := w.follow(start)
	for id := range 5 {
		w.exec(other, fmt.Sprintf(`INSERT INTO a VALUES (%d)`, id))
	}
	to := w.marked()
	f.read(to)
	ends := f.ends
	if len(ends) != 5 {
		t.Fatalf("%d commits", len(ends))
	}
	f.Close()
	for i, end := range ends {
		f := w.follow(end)
		var want []string
		for id := i + 1; id < 5; id++ {
			want = append(want, fmt.Sprintf("insert a new(%d)", id))
		}
		if d := cmp.Diff(want, f.read(to)); d != "" {
			t.Errorf("behind transaction %d: %s", i, d)
		}
		f.Close()
	}
	if got := w.confirmed(); got != start {
		t.Errorf("the slot went from %v to %v, though nothing was acknowledged", start, got)
	}
}

// TestSourceAcknowledges shows that the slot is told what was acknowledged and nothing
// beyond, whatever is received and however often the server asks.
func TestSourceAcknowledges(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	f := w.follow(start)
	for round := range 3 {
		// the relation is described again and again, with the position 0/0
		w.exec(other, fmt.Sprintf(`INSERT INTO a SELECT n, 'x' FROM generate_series(%d, %d) n`, round*1000, round*1000+999))
		w.exec(other, fmt.Sprintf(`ALTER TABLE a ALTER v SET STATISTICS %d`, 10+round))
		to := w.marked()
		if got := len(f.read(to)); got != 1000 {
			t.Fatalf("%d rows", got)
		}
		if got := w.confirmed(); got != start {
			t.Fatalf("the slot is at %v after receiving %v, with %v acknowledged", got, to, start)
		}
	}
	end := f.ends[len(f.ends)-1]
	if err := f.Acknowledge(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	f.Close()
	w.until(other, `NOT active FROM pg_replication_slots WHERE slot_name = $1`, w.options.Slot) // Close waits for that only a moment
	if got := w.confirmed(); got != end {
		t.Errorf("the slot is at %v, %v was acknowledged before Close", got, end)
	}
	if err := f.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// TestSourceOfOthersWork shows that an idle slot follows the log that others write: marks
// grow with each heartbeat, and may be acknowledged.
func TestSourceOfOthersWork(t *testing.T) {
	w := newWorld(t)
	elsewhere := newWorld(t).dial()
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY)`)
	w.exec(elsewhere, `CREATE TABLE noise (v text)`)
	w.choose(every("a")...)
	w.options.Heartbeat = 20 * time.Millisecond
	w.create()
	f := w.follow(w.confirmed())
	for range 3 {
		w.exec(elsewhere, `INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 1000)`)
		now := w.lsn(elsewhere, `pg_current_wal_lsn()`)
		var mark replicator.LSN
		err := f.until(func(c replicator.Change) bool {
			mark = c.LSN
			return c.Op == replicator.Mark && c.LSN >= now
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Acknowledge(t.Context(), mark); err != nil {
			t.Fatal(err)
		}
		reached := func(replicator.Change) bool { return w.confirmed() == mark }
		if err := f.until(reached); err != nil {
			t.Errorf("the slot is at %v, %v was acknowledged: %v", w.confirmed(), mark, err)
		}
	}
	if len(f.lines) > 0 {
		t.Errorf("changes: %v", f.lines)
	}
}

// TestSourceCancelled shows that a read ends with its context at once, and that the
// stream goes on where it was.
func TestSourceCancelled(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	f := w.follow(w.confirmed())
	for id := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		for {
			c, err := f.Next(ctx, time.Hour)
			if errors.Is(err, context.Canceled) {
				break
			}
			if err != nil || c.Table != nil {
				t.Fatalf("%v, %v", c, err)
			}
		}
		w.exec(other, fmt.Sprintf(`INSERT INTO a VALUES (%d)`, id))
		if d := cmp.Diff([]string{fmt.Sprintf("insert a new(%d)", id)}, f.read(w.marked())); d != "" {
			t.Error(d)
		}
	}
}

// TestSourceWaits shows that a wait in which nothing comes ends with a mark, in time.
func TestSourceWaits(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	f := w.follow(w.confirmed())
	f.read(w.marked())
	for _, wait := range []time.Duration{time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond} {
		began := time.Now()
		c, err := f.Next(t.Context(), wait)
		for err == nil && c.Op == replicator.Mark && time.Since(began) < wait { // a keepalive came first
			c, err = f.Next(t.Context(), wait-time.Since(began))
		}
		if err != nil || c.Op != replicator.Mark || c.LSN == 0 || time.Since(began) > wait+5*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(began), c, err)
		}
	}
}
