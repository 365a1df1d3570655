package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/test/pgtest"
)

// TestOpenOpened shows what an opening reports of the source.
func TestOpenOpened(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)`)
	w.choose(every("a", "b")...)
	w.create()
	start := w.confirmed()
	w.exec(other, `INSERT INTO a VALUES (1)`)
	source, opened, err := w.Open(t.Context(), replicator.OpenRequest{After: start, Timeline: 1, End: true})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	var system string
	if err := other.QueryRow(t.Context(), `SELECT system_identifier::text FROM pg_control_system()`).Scan(&system); err != nil {
		t.Fatal(err)
	}
	now := w.lsn(other, `pg_current_wal_flush_lsn()`)
	if opened.System != system || opened.Timeline != 1 || opened.Fork != 0 || opened.Database != w.config.Database || opened.Slot != w.config.Database || opened.Confirmed != start {
		t.Errorf("opened %+v", opened)
	}
	if opened.Flushed <= start || opened.Flushed > now || opened.End <= start || opened.End > now {
		t.Errorf("flushed %v, end %v, in %v to %v", opened.Flushed, opened.End, start, now)
	}
	if len(opened.Tables) != 2 || opened.Publication.OID == 0 || opened.Tables[0].Row == opened.Tables[1].Row || opened.Tables[0].Row.OID == 0 {
		t.Errorf("published %+v", opened.Tables)
	}
	f := &followed{Source: source, w: w}
	if d := cmp.Diff([]string{"insert a new(1)"}, f.read(opened.End)); d != "" {
		t.Error(d)
	}
}

// TestOpenHalts shows slots that a pipeline cannot go on with.
func TestOpenHalts(t *testing.T) {
	tests := []struct {
		name   string
		spoil  string
		reason replicator.Reason
		words  string
	}{
		{"missing", `SELECT pg_drop_replication_slot(current_database())`, replicator.SlotMissing, "--reset-slot"},
		{"of another plugin", `SELECT pg_drop_replication_slot(current_database()); SELECT pg_create_logical_replication_slot(current_database(), 'test_decoding')`, replicator.SlotStrange, "source.slot"},
		{"physical", `SELECT pg_drop_replication_slot(current_database()); SELECT pg_create_physical_replication_slot(current_database())`, replicator.SlotStrange, "physical"},
		{"two-phase", `SELECT pg_drop_replication_slot(current_database()); SELECT pg_create_logical_replication_slot(current_database(), 'pgoutput', false, true)`, replicator.SlotStrange, "two-phase"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
			w.choose(every("a")...)
			w.create()
			w.exec(other, test.spoil)
			_, _, err := w.Open(t.Context(), replicator.OpenRequest{After: 1})
			if err := refusedWith(err, test.reason, test.words); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOpenMoved shows that a slot which was made anew or advanced is reported as it was
// found, for the core to judge: the server starts its stream without a word.
func TestOpenMoved(t *testing.T) {
	for _, moved := range []string{
		`SELECT pg_drop_replication_slot(current_database()); SELECT pg_create_logical_replication_slot(current_database(), 'pgoutput')`,
		`SELECT pg_replication_slot_advance(current_database(), pg_current_wal_flush_lsn())`,
	} {
		w := newWorld(t)
		other := w.dial()
		w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
		w.choose(every("a")...)
		w.create()
		start := w.confirmed()
		w.exec(other, `INSERT INTO a VALUES (1)`)
		w.exec(other, moved)
		now := w.confirmed()
		if f := w.follow(start); f.opened.Confirmed != now || now <= start {
			t.Errorf("opened at %v, the slot was at %v and before that at %v", f.opened.Confirmed, now, start)
		}
	}
}

// TestOpenWaits shows that a second daemon waits for the slot by looking only, says so, and
// takes over as soon as the first is gone.
func TestOpenWaits(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	first := w.follow(w.confirmed())
	opened := make(chan error, 1)
	go func() {
		second, _, err := w.Open(t.Context(), replicator.OpenRequest{After: 1})
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	w.heard("slot", "streams from")
	if err := first.until(func(c replicator.Change) bool { return c.Op == replicator.Mark }); err != nil {
		t.Errorf("the first: %v", err)
	}
	first.Close()
	if err := <-opened; err != nil {
		t.Errorf("the second: %v", err)
	}

	third := w.follow(w.confirmed())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _, err := w.Open(ctx, replicator.OpenRequest{After: 1})
		opened <- err
	}()
	cancel()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled one: %v", err)
	}
	third.Close()
}

// TestOpenBehindLostLog shows what happens to a slot that the server gave up.
func TestOpenBehindLostLog(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"max_slot_wal_keep_size": "1MB", "max_wal_size": "32MB", "min_wal_size": "32MB"}})
	w := on(newWorld(t), s)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	for range 4 {
		w.exec(other, `INSERT INTO a SELECT n + coalesce((SELECT max(id) FROM a), 0), repeat('x', 1000) FROM generate_series(1, 20000) n`)
		w.exec(other, `CHECKPOINT`)
	}
	w.until(other, `(SELECT wal_status = 'lost' FROM pg_replication_slots)`)
	_, _, err := w.Open(t.Context(), replicator.OpenRequest{After: start})
	if err := refusedWith(err, replicator.SlotLost, "max_slot_wal_keep_size"); err != nil {
		t.Error(err)
	}
	state, err := w.SlotState(t.Context())
	if err != nil || !state.Exists || state.Status != "lost" || state.Retained != 0 {
		t.Errorf("%+v, %v", state, err)
	}
	if created, err := w.Create(t.Context(), replicator.CreateRequest{Resumed: true}); err != nil || created.Start <= start {
		t.Errorf("made again: %+v, %v", created, err)
	}
}

// TestOpenAfterPromotion shows what is reported of a server that left the timeline we knew,
// that its slot goes on, and that a standby is refused, unless it may be about to be
// promoted, as is one that lost its history.
func TestOpenAfterPromotion(t *testing.T) {
	s := pgtest.Start(t)
	w := on(newWorld(t), s)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	if err := s.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		was    failover
		passes bool
	}{
		{w.failover, true}, // it was a primary a moment ago
		{failover{primary: true, since: time.Now().Add(-failoverTakes)}, false},
		{failover{}, false}, // it is the first that we see of it
	} {
		w.failover = test.was
		_, _, err := w.Open(t.Context(), replicator.OpenRequest{After: start, Timeline: 1})
		if halts := refusedWith(err, replicator.SourceInRecovery, "primary"); err == nil || test.passes == (halts == nil) {
			t.Errorf("in recovery after %+v: %v", test.was, err)
		}
		if test.passes && replicator.Final(err) {
			t.Errorf("it is not tried again: %v", err)
		}
	}
	if state, err := w.SlotState(t.Context()); err != nil || !state.Exists {
		t.Errorf("looked at on a standby: %+v, %v", state, err)
	}
	other := w.dial()
	w.exec(other, `SELECT pg_promote()`)
	w.exec(other, `INSERT INTO a VALUES (2)`)
	for _, test := range []struct {
		timeline int32
		forked   bool
	}{{1, true}, {2, false}, {0, false}, {3, true}} {
		source, opened, err := w.Open(t.Context(), replicator.OpenRequest{After: start, Timeline: test.timeline})
		if err != nil {
			t.Fatal(err)
		}
		if opened.Timeline != 2 || (opened.Fork != 0) != test.forked {
			t.Errorf("from timeline %d: now %d, left at %v", test.timeline, opened.Timeline, opened.Fork)
		}
		if test.timeline == 1 && (opened.Fork < start || opened.Fork > opened.Flushed) || test.timeline == 3 && opened.Fork != 1 {
			t.Errorf("left timeline %d at %v, between %v and %v", test.timeline, opened.Fork, start, opened.Flushed)
		}
		source.Close()
	}
	f := w.follow(start)
	if d := cmp.Diff([]string{"insert a new(2)"}, f.read(w.marked())); d != "" {
		t.Error(d)
	}
	f.Close()
	if err := os.Remove(filepath.Join(s.Dir, "data", "pg_wal", "00000002.history")); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.Open(t.Context(), replicator.OpenRequest{After: start, Timeline: 1})
	if err := refusedWith(err, replicator.SourceBehind, "timeline 2", "00000002.history", startOver); err != nil {
		t.Error(err)
	}
}

// TestOpenOverTLS shows that the stream works above TLS too.
func TestOpenOverTLS(t *testing.T) {
	w := on(newWorld(t), pgtest.Start(t, pgtest.Options{TLS: true, Auth: pgtest.SCRAM}))
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text)`)
	w.choose(every("a")...)
	w.create()
	f := w.follow(w.confirmed())
	w.exec(other, `INSERT INTO a SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n`)
	if got := len(f.read(w.marked())); got != 20000 {
		t.Errorf("%d rows", got)
	}
	w.until(other, `EXISTS (SELECT FROM pg_stat_replication JOIN pg_stat_ssl USING (pid) WHERE ssl)`)
	if m := f.Source.(*stream).wire.gather.meter; m == nil || m.emptied.IsZero() {
		t.Errorf("nobody knows what arrives: %+v", m)
	}
	if at := f.Source.(*stream).wire.gather.committed; time.Since(at).Abs() > time.Hour {
		t.Errorf("the transaction is taken for one of %v", at)
	}
}

// TestOpenOfAServerThatFreezes shows that a server which has stopped answering is noticed,
// though the link stands.
func TestOpenOfAServerThatFreezes(t *testing.T) {
	t.Parallel()
	w := on(newWorld(t), pgtest.Start(t, pgtest.Options{Settings: map[string]string{"wal_sender_timeout": "2s"}}))
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.options.Heartbeat = 50 * time.Millisecond
	w.create()
	f := w.follow(w.confirmed())
	var pid int
	if err := other.QueryRow(t.Context(), `SELECT pid FROM pg_stat_replication`).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := f.until(func(replicator.Change) bool { return f.Source.(*stream).open.IsZero() }); err != nil {
		t.Fatal(err)
	}
	w.until(other, `EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type IN ('Activity', 'Client'))`, pid) // it would else freeze at work
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	began := time.Now() // the next question is asked after this
	err := f.until(func(replicator.Change) bool { return false })
	if took := time.Since(began); err == nil || errors.Is(err, context.DeadlineExceeded) || took < 2*time.Second || replicator.Final(err) {
		t.Errorf("after %v: %v", took, err)
	}
}

// TestOpenLoses shows that a session which the server ends is no Halt.
func TestOpenLoses(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	f := w.follow(w.confirmed())
	w.exec(other, fmt.Sprintf(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '%s'`, w.options.Slot))
	err := f.until(func(replicator.Change) bool { return false })
	if err == nil || replicator.Final(err) || errors.Is(err, replicator.ErrUndecodable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
