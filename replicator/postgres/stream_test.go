package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pglogrepl"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/pgtest"
)

// TestStreamWhileNobodyReads shows that the server does not give up a daemon that only
// acknowledges because its sink is busy, though it has more to send than any buffer takes.
// It also shows that the server does give up one that does nothing, or the test would
// notice nothing.
func TestStreamWhileNobodyReads(t *testing.T) {
	t.Parallel()
	w := on(newWorld(t), pgtest.Start(t, pgtest.Options{Settings: map[string]string{"wal_sender_timeout": "5s"}}))
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	w.exec(other, `INSERT INTO a SELECT n, repeat('x', 1000) FROM generate_series(1, 30000) n`)
	to := w.marked()
	f := w.follow(start) // opened last, since from here on somebody has to acknowledge
	w.meanwhile(other, `(SELECT clock_timestamp() - backend_start > interval '11 seconds' FROM pg_stat_replication)`, func() error {
		return f.Acknowledge(t.Context(), start)
	})
	if got := len(f.read(to)); got != 30000 {
		t.Errorf("%d rows", got)
	}
	w.until(other, `NOT EXISTS (SELECT FROM pg_stat_replication) AND pg_sleep(0.05) IS NOT NULL`)
	if err := f.until(func(replicator.Change) bool { return false }); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("given up by the server: %v", err)
	}
}

// TestStreamUrged shows that a server which shuts down is not held up: it asks again and
// again, a mark says so, and once all is confirmed the server ends. It has the time for
// that though the watcher notices too.
func TestStreamUrged(t *testing.T) {
	s := pgtest.Start(t)
	w := on(newWorld(t), s)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	f := w.watched(w.confirmed())
	w.exec(other, `INSERT INTO a VALUES (1)`)
	f.read(w.marked())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(pgtest.Fast) }()
	var mark replicator.LSN
	if err := f.until(func(c replicator.Change) bool { mark = c.LSN; return c.Urge }); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped before we acknowledged anything: %v", err)
	default:
	}
	if err := f.Acknowledge(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	err := f.until(func(replicator.Change) bool { return false })
	if err == nil || errors.Is(err, context.DeadlineExceeded) || replicator.Final(err) {
		t.Errorf("the end of the stream: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestStreamNotUrged shows that a healthy server which asks now and then is not taken for
// one that shuts down.
func TestStreamNotUrged(t *testing.T) {
	t.Parallel()
	w := on(newWorld(t), pgtest.Start(t, pgtest.Options{Settings: map[string]string{"wal_sender_timeout": "6s"}}))
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	f := w.follow(w.confirmed())
	stream := f.Source.(*stream)
	stream.resend = time.Hour // so that the server has to ask
	stream.heartbeat = time.Hour
	asked, last := 0, stream.answered
	err := f.until(func(c replicator.Change) bool {
		if c.Urge {
			t.Error("urged")
		}
		if stream.answered != last { // not every mark is a question
			asked, last = asked+1, stream.answered
		}
		return asked == 3
	})
	if err != nil {
		t.Error(err)
	}
}

// TestStreamUndecodable shows that a slot which fails at the same place each time is taken
// for lost in the end, and not before. Its publication was dropped and made again, but the
// log in between is decoded with the catalogue as it was then.
func TestStreamUndecodable(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	w.exec(other, `INSERT INTO a VALUES (1)`)
	w.exec(other, `DROP PUBLICATION rowshift`)
	w.exec(other, `INSERT INTO a VALUES (2)`)
	start := w.confirmed()
	if w.major() >= 18 {
		t.Skip("since 18 a publication that is missing is only warned of")
	}
	for n := range 3 {
		f := w.follow(start)
		err := f.until(func(replicator.Change) bool { return false })
		switch {
		case n < 2 && (!errors.Is(err, replicator.ErrUndecodable) || replicator.Final(err)):
			t.Errorf("at time %d: %v", n, err)
		case n == 2:
			if err := refusedWith(err, replicator.PublicationMissing, "does not exist"); err != nil {
				t.Error(err)
			}
		}
		f.Close()
	}
}

// TestStreamShapeChanged shows that rows of an altered table are reported as unfit, with
// the names of the table and the column, and that rows of a table which is described again
// without a difference are not.
func TestStreamShapeChanged(t *testing.T) {
	tests := []struct{ alter, found string }{
		{`ALTER TABLE a ALTER v SET STATISTICS 7`, ""},
		{`ALTER TABLE a ALTER v SET DEFAULT 'x', ALTER v SET NOT NULL`, ""},
		{`ALTER TABLE a REPLICA IDENTITY FULL`, ""},
		{`ALTER TABLE a ADD w int`, `column "w" is new`},
		{`ALTER TABLE a ALTER v TYPE varchar(20)`, `column "v" has type modifier 24`},
		{`ALTER TABLE a ALTER v TYPE text`, `column "v" has the type`},
		{`ALTER TABLE a RENAME v TO w`, `column "w" is new`},
	}
	for _, test := range tests {
		w := newWorld(t)
		other := w.dial()
		w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v varchar(10))`)
		w.choose(every("a")...)
		w.create()
		f := w.follow(w.confirmed())
		w.exec(other, `INSERT INTO a VALUES (1, 'x')`)
		f.read(w.marked())
		w.exec(other, test.alter)
		w.exec(other, `INSERT INTO a VALUES (2, 'y')`)
		to := w.marked()
		var unfit error
		if err := f.until(func(c replicator.Change) bool { unfit = errors.Join(unfit, c.Misread); return c.LSN >= to }); err != nil {
			t.Fatal(err)
		}
		if test.found == "" && unfit != nil {
			t.Errorf("%s: %v", test.alter, unfit)
		}
		if test.found != "" {
			if err := alteredWith(unfit, f.opened.Tables[0].Table.OID, "public.a", test.found); err != nil {
				t.Errorf("%s: %v", test.alter, err)
			}
		}
	}
}

// record keeps the messages of log that a stream reads, as the server sent them.
func record(f *followed) *[][]byte {
	s := f.Source.(*stream)
	var messages [][]byte
	s.wire.from = io.TeeReader(s.wire.from, &tap{messages: &messages})
	return &messages
}

// tap takes the messages of log out of what was read.
type tap struct {
	rest     []byte
	messages *[][]byte
}

func (p *tap) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	w := &wire{buf: p.rest, end: len(p.rest)}
	for {
		kind, body, whole, err := w.next()
		if err != nil || !whole {
			p.rest = append([]byte{}, p.rest[w.start:]...)
			return len(b), err
		}
		if kind == 'd' && body[0] == 'w' {
			*p.messages = append(*p.messages, append([]byte{}, body[25:]...))
		}
	}
}

// TestStreamAgreesWithLibrary shows that a stream of many kinds of changes is read as
// another decoder reads the same bytes, and that it reads the same in binary.
func TestStreamAgreesWithLibrary(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `
		CREATE TABLE a (id int, v text, big text, PRIMARY KEY (id)); ALTER TABLE a ALTER big SET STORAGE EXTERNAL;
		CREATE TABLE b (x text NOT NULL UNIQUE, y numeric, z timestamptz); ALTER TABLE b REPLICA IDENTITY USING INDEX b_x_key;
		CREATE TABLE c (id bigint PRIMARY KEY, f float8, l int[]); ALTER TABLE c REPLICA IDENTITY FULL`)
	w.choose(every("a", "b", "c")...)
	w.create()
	start := w.confirmed()
	w.options.Format = Text
	f := w.follow(start)
	messages := record(f)
	w.exec(other, `INSERT INTO a SELECT n, 'v' || n, repeat(md5(n::text), 200) FROM generate_series(1, 200) n`)
	w.exec(other, `BEGIN; UPDATE a SET v = NULL WHERE id % 3 = 0; UPDATE a SET id = -id WHERE id % 5 = 0; DELETE FROM a WHERE id % 7 = 0; COMMIT`)
	w.exec(other, `INSERT INTO b SELECT 'k' || n, n / 7.0, now() FROM generate_series(1, 100) n; UPDATE b SET x = x || '!' WHERE y > 5; DELETE FROM b WHERE y < 2`)
	w.exec(other, `INSERT INTO c SELECT n, sqrt(n), ARRAY[n, NULL] FROM generate_series(1, 100) n; UPDATE c SET l = NULL; BEGIN; TRUNCATE a, b, c; INSERT INTO c VALUES (1); COMMIT`)
	to := w.marked()
	got := f.read(to)
	want := byLibrary(t, w, *messages)
	if d := cmp.Diff(want, got); d != "" || len(got) < 700 {
		t.Errorf("%d changes: %.3000s", len(got), d)
	}
	f.Close()
	w.options.Format = Binary
	if d := cmp.Diff(want, w.follow(start).read(to)); d != "" {
		t.Errorf("in binary: %.3000s", d)
	}
}

// byLibrary reads messages by pglogrepl, and writes the changes as line does.
func byLibrary(t *testing.T, w *world, messages [][]byte) (lines []string) {
	t.Helper()
	tables, err := w.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byOID := map[uint32]*schema.Table{}
	for _, table := range tables {
		byOID[table.OID] = table
	}
	add := func(op string, relation uint32, kind uint8, old, row *pglogrepl.TupleData) {
		table := byOID[relation]
		l := op + " " + table.Name.Table
		if old != nil {
			var key []string
			for _, k := range table.Key {
				key = append(key, values(old)[k])
			}
			l += " key(" + strings.Join(key, "|") + ")"
			if kind == 'O' {
				l += " old(" + strings.Join(values(old), "|") + ")"
			}
		}
		if row != nil {
			l += " new(" + strings.Join(values(row), "|") + ")"
		}
		lines = append(lines, l)
	}
	for _, m := range messages {
		parsed, err := pglogrepl.Parse(m)
		if err != nil {
			t.Fatal(err)
		}
		switch m := parsed.(type) {
		case *pglogrepl.InsertMessage:
			add("insert", m.RelationID, 0, nil, m.Tuple)
		case *pglogrepl.UpdateMessage:
			add("update", m.RelationID, m.OldTupleType, m.OldTuple, m.NewTuple)
		case *pglogrepl.DeleteMessage:
			add("delete", m.RelationID, m.OldTupleType, m.OldTuple, nil)
		case *pglogrepl.TruncateMessage:
			for _, relation := range m.RelationIDs {
				add("truncate", relation, 0, nil, nil)
			}
		}
	}
	return lines
}

// TestStreamKeepsBack shows that columns which were not chosen do not cross the wire:
// neither in an insert, an update, a change of key or a delete, nor out of line.
func TestStreamKeepsBack(t *testing.T) {
	w := newWorld(t)
	if w.major() < schema.ColumnListMajor {
		t.Skip("publications have no column lists before 15")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, secret text, v text, hidden text)`)
	for _, keeps := range []bool{true, false} {
		w.options.Choices = []schema.Choice{{Name: schema.Name{Schema: "public", Table: "a"}, Columns: []string{"id", "v"}, All: false}}
		if !keeps { // this shows that the search would find it
			w.options.Choices = every("a")
		}
		w.exec(other, `TRUNCATE a; DROP PUBLICATION IF EXISTS rowshift`)
		w.drop(other)
		w.create()
		f := w.follow(w.confirmed())
		messages := record(f)
		w.exec(other, `INSERT INTO a VALUES (1, 'canary', 'x', 'canary')`)
		w.exec(other, `INSERT INTO a VALUES (2, (SELECT string_agg('canary' || n, '') FROM generate_series(1, 2000) n), 'x', NULL)`)
		w.exec(other, `UPDATE a SET secret = 'canary' || id, v = 'y'; UPDATE a SET id = id + 10; DELETE FROM a`)
		lines := f.read(w.marked())
		crossed := fmt.Sprintf("%q", *messages)
		if found := strings.Contains(crossed, "canary"); found == keeps || len(lines) != 8 {
			t.Errorf("chosen or not: %v, found: %v, in %d changes", keeps, found, len(lines))
		}
		f.Close()
	}
}
