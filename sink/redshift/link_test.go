package redshift

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
)

// TestFaults lets one statement of a merge fail and looks what is left. Then it repeats the
// merge as the core would.
func TestFaults(t *testing.T) {
	const conflict = "could not complete because of conflict with concurrent transaction"
	tests := []struct {
		name      string
		fault     redshifttest.Fault
		retryable bool
		written   bool // the transaction was committed nevertheless
		ghost     bool // the server keeps the session, with nothing but its staging tables
	}{
		{"drop before the staging table", redshifttest.Fault{Match: "CREATE TEMP TABLE", Drop: true}, true, false, false},
		{"drop at COPY", redshifttest.Fault{Class: "COPY", Drop: true}, true, false, true},
		{"drop after COPY", redshifttest.Fault{Class: "COPY", Drop: true, After: true}, true, false, true},
		{"drop before BEGIN", redshifttest.Fault{Class: "BEGIN", Drop: true}, true, false, false},
		{"drop after BEGIN", redshifttest.Fault{Class: "BEGIN", Drop: true, After: true}, true, false, true},
		{"drop after LOCK", redshifttest.Fault{Class: "LOCK", Drop: true, After: true}, false, false, false},
		{"drop after INSERT", redshifttest.Fault{Match: `INSERT INTO "public_copy"`, Drop: true, After: true}, false, false, false},
		{"drop before COMMIT", redshifttest.Fault{Class: "COMMIT", Drop: true}, false, false, false},
		{"drop after COMMIT", redshifttest.Fault{Class: "COMMIT", Drop: true, After: true}, false, true, false},
		{"deadlock", redshifttest.Fault{Match: `DELETE FROM "public_copy"`, Code: "40P01", Message: "deadlock detected"}, true, false, false},
		{"serializable violation", redshifttest.Fault{Match: `INSERT INTO "public_copy"`, Code: "XX000", Message: "1023"}, true, false, false},
		{"serializable violation at COMMIT", redshifttest.Fault{Class: "COMMIT", Code: "XX000", Message: "1023"}, true, false, false},
		{"conflict", redshifttest.Fault{Match: `UPDATE "rowshift_accounts"`, Code: "XX000", Message: conflict}, true, false, false},
		{"conflict at COPY", redshifttest.Fault{Class: "COPY", Code: "XX000", Message: conflict}, true, false, false},
		{"unknown refusal", redshifttest.Fault{Match: `INSERT INTO "public_copy"`, Code: "XX000", Message: "assert"}, false, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r, table := w.withWords()
			w.apply(r, batch(t, table, "insert a|1|x"))
			m := w.merging(w.stage(batch(t, table, "update a|2|^", "insert b|1|y"))...)
			test.fault.Application, test.fault.Nth = "rowshift", 1
			f := w.server.Inject(test.fault)
			_, err := r.Merge(t.Context(), m)
			f.Remove()
			if err == nil || f.Hits() != 1 || replicator.Retryable(err) != test.retryable || replicator.Final(err) {
				t.Fatalf("retryable %v: %v", replicator.Retryable(err), err)
			}
			w.repeat(r, m, test.retryable, test.written)
			w.want(w.words(), "a|2|x", "b|1|y")
			w.position = m.Checkpoint.LSN
			w.at()
			if !test.ghost {
				w.unstaged()
			}
		})
	}
}

// repeat does what the core does after a merge that failed.
func (w *world) repeat(r *Warehouse, m *replicator.Merge, retryable, written bool) {
	w.t.Helper()
	if retryable {
		w.want(w.words(), "a|1|x")
	} else {
		was := m.Expect
		c := w.fence(r)
		if moved := c.LSN != was; moved != written {
			w.t.Fatalf("the checkpoint is at %v, from %v to %v", c.LSN, was, m.Checkpoint.LSN)
		}
		m.Checkpoint.Epoch = c.Epoch
	}
	if written {
		return
	}
	if _, err := r.Merge(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
}

func TestMergeThatIsGivenUp(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	f := w.server.Inject(redshifttest.Fault{Match: `INSERT INTO "public_copy"`, Stall: -1})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-f.Reached()
		cancel()
	}()
	began := time.Now()
	_, err := r.Merge(ctx, m)
	if err == nil || replicator.Retryable(err) || time.Since(began) > 20*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	f.Remove()
	if c := w.fence(r); c.LSN != m.Expect {
		t.Errorf("at %v", c.LSN)
	}
	w.want(w.words())
}

// The config decides how a dead link is noticed.
func TestConfigsDialerIsUsed(t *testing.T) {
	w := newWorld(t)
	dialed := 0
	r := w.warehouse(func(o *Options) {
		o.Config = func(ctx context.Context) (*pgx.ConnConfig, error) {
			c, err := w.config("loader")(ctx)
			if err != nil {
				return nil, err
			}
			dial := c.DialFunc
			c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				dialed++
				return dial(ctx, network, address)
			}
			return c, nil
		}
	})
	if _, err := r.Checkpoint(t.Context()); err != nil || dialed != 1 {
		t.Errorf("the config's dialer was used %d times; %v", dialed, err)
	}
}

func TestWarehouseThatIsAway(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) {
		o.Config = func(context.Context) (*pgx.ConnConfig, error) {
			return pgx.ParseConfig("postgres://loader:canary@127.0.0.1:1/dev?sslmode=disable")
		}
	})
	_, err := r.Merge(t.Context(), w.merging())
	if !replicator.Retryable(err) || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}
