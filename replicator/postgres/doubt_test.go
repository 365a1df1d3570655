package postgres

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/replicator"
)

// TestDoubt shows that a stream which is silent goes on as long as the server is at work on
// it, and ends once it is not, unless its answer came meanwhile.
func TestDoubt(t *testing.T) {
	const silence, doubted = time.Minute, time.Minute + 20*time.Second // the question is open from the first heartbeat on, and a later one doubts
	for name, c := range map[string]struct {
		works   time.Duration // until when the server is at work
		answers time.Duration // when it answers; 0: never
		ends    time.Duration // when the stream ends at the latest; 0: it does not
	}{
		"dead":                            {0, 0, doubted + lastWord},
		"at work, and then dead":          {5 * time.Minute, 0, 5*time.Minute + 2*doubted},
		"at work, and then done":          {5 * time.Minute, 5*time.Minute + time.Second, 0},
		"done when it is taken for dead":  {0, doubted + lastWord/2, 0},
		"done when it is taken for alive": {doubted + 1, doubted + lastWord/2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, far := piped(t)
				defer conn.Close()
				go func() { _, _ = io.Copy(io.Discard, far) }()
				began := time.Now()
				s := &stream{conn: conn, wire: newWire(conn), heartbeat: 10 * time.Second, resend: 10 * time.Second, silence: silence, sentAt: began, ctx: context.Background()}
				s.decodes = func(context.Context) bool { return time.Since(began) < c.works }
				s.wire.gather.begin(conn)
				if c.answers > 0 {
					time.AfterFunc(c.answers, func() {
						_, _ = far.Write(framed('d', append(binary.BigEndian.AppendUint64([]byte{'k'}, 7), make([]byte, 9)...)))
					})
				}
				var last replicator.Change
				var err error
				for err == nil && last.LSN != 7 && time.Since(began) < time.Hour {
					last, err = s.Next(t.Context(), 0)
				}
				took := time.Since(began)
				switch {
				case c.ends == 0 && (err != nil || last.LSN != 7):
					t.Errorf("after %v: %+v, %v", took, last, err)
				case c.ends > 0 && (err == nil || !strings.Contains(err.Error(), "said nothing") || took < max(silence, c.works) || took > c.ends):
					t.Errorf("after %v, not %v: %v", took, c.ends, err)
				}
			})
		})
	}
}

// TestStreamOfAServerAtWork shows that a stream outlives a server that is at work for longer
// than it may be silent. Here it waits for a lock, which takes as long as the test wants.
func TestStreamOfAServerAtWork(t *testing.T) {
	w := newWorld(t)
	other, holder := w.dial(), w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.options.Heartbeat = 20 * time.Millisecond
	w.create()
	f := w.follow(w.confirmed())
	w.exec(holder, `BEGIN; LOCK TABLE pg_publication IN ACCESS EXCLUSIVE MODE`)
	w.exec(other, `INSERT INTO a VALUES (1)`)
	w.until(other, `EXISTS (SELECT FROM pg_stat_activity a JOIN pg_replication_slots s ON s.active_pid = a.pid WHERE slot_name = $1 AND wait_event_type = 'Lock')`, w.options.Slot)
	f.Source.(*stream).silence = 40 * time.Millisecond
	err := f.until(func(replicator.Change) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.ContainsFunc(w.said, func(what string) bool { return strings.Contains(what, "to decode a long transaction") })
	})
	if err != nil {
		t.Fatal(err)
	}
	w.exec(holder, `COMMIT`)
	f.Source.(*stream).silence = time.Hour
	if got := f.read(w.marked()); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
