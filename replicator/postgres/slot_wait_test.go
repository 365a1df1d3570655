package postgres

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestWaitForSlot shows that a standby takes the slot from a daemon that has ended, and not
// from one that only opens its stream again. It never waits for its own last stream longer
// than the server takes to end it.
func TestWaitForSlot(t *testing.T) {
	const own, another = 7, 8
	for name, c := range map[string]struct {
		seen        sighted
		least, most time.Duration
	}{
		"nobody streams from it":                       {sighted{}, 0, 0},
		"our own stream ends":                          {sighted{pid: own, until: 3 * time.Second}, 3 * time.Second, 3500 * time.Millisecond},
		"another daemon ends":                          {sighted{pid: another, until: 3 * time.Second}, 3500 * time.Millisecond, 4 * time.Second},
		"another opens its stream again":               {sighted{pid: another, until: 3 * time.Second, again: 3400 * time.Millisecond}, time.Minute + 500*time.Millisecond, 61 * time.Second},
		"another that loads opens its stream again":    {sighted{pid: another, until: 3 * time.Second, again: 9 * time.Second, loads: time.Hour}, 70 * time.Second, 71 * time.Second},
		"another that loaded ends, and then its loads": {sighted{pid: another, until: 3 * time.Second, loads: 5 * time.Second}, 5 * time.Second, 5500 * time.Millisecond},
		"a machine is lost while it loads":             {sighted{pid: another, until: 3 * time.Second, loads: time.Hour}, 13 * time.Second, 14 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.seen.began = time.Now()
				o := &Origin{streamed: own}
				s, err := o.waitForSlot(t.Context(), c.seen, "app")
				if took := time.Since(c.seen.began); err != nil || s.active || took < c.least || took > c.most {
					t.Errorf("%+v, %v after %v", s, err, took)
				}
			})
		})
	}
}

// TestALoadShowsThatADaemonGoesOn shows that a standby sees the snapshot of another daemon,
// and no session of its own.
func TestALoadShowsThatADaemonGoesOn(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY)`)
	a := w.table("a")
	ours := w.ours()
	is := func(want bool) {
		t.Helper()
		if gone, err := w.second().gone(t.Context(), ours, calmFor); err != nil || gone != want {
			t.Errorf("gone: %v, %v", gone, err)
		}
	}
	is(true)
	s, err := w.Snapshot(t.Context(), tables(a))
	if err != nil {
		t.Fatal(err)
	}
	is(false)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	w.until(w.dial(), `NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction')`)
	is(true)
}

// sighted is a server with a slot that a process streams from until some time, and perhaps
// again from a later time to the end of the first minute.
type sighted struct {
	querier
	began        time.Time
	pid          int32
	until, again time.Duration
	loads        time.Duration // until when another session of ours keeps a snapshot
}

func (s sighted) QueryRow(_ context.Context, sql string, _ ...any) pgx.Row {
	at := time.Since(s.began)
	if sql == loadsQuery {
		return row{at < s.loads}
	}
	active := at < s.until || s.again > 0 && at >= s.again && at < time.Minute
	return row{"pgoutput", "logical", "app", false, false, active, s.pid, "reserved", "", "0/1", "0/1", (*int64)(nil)}
}

// row is one row of an answer.
type row []any

func (r row) Scan(into ...any) error {
	for i, to := range into {
		switch to := to.(type) {
		case *string:
			*to = r[i].(string)
		case *bool:
			*to = r[i].(bool)
		case *int32:
			*to = r[i].(int32)
		}
	}
	return nil
}
