package redshift

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"rowshift/replicator"
	"rowshift/sink/refusal"

	"github.com/jackc/pgx/v5"
)

// Options are what a Warehouse has to know.
type Options struct {
	// Config returns a fresh connection config, with the password read now, TLS set as
	// it must be, and a dialer whose connections notice a dead link.
	Config func(context.Context) (*pgx.ConnConfig, error)

	Version        string // of this rowshift
	Pipeline       string
	Schema         string // of the targets
	MetadataSchema string
	CopyRole       string   // the ARN that COPY assumes
	Region         string   // of the bucket; empty: the cluster's own
	Readers        []string // users, "group name" or "role name", that may read what we make
	QueryGroup     string

	// HaltOnCopyError halts when COPY refuses a row that should fit. Otherwise the row goes to
	// quarantine.
	HaltOnCopyError bool

	// Print forbids alterations of targets: what is due is a Halt that gives the statements.
	Print bool

	// IdleClose is how long a session without work stays open; 30 s.
	IdleClose time.Duration

	// FenceWait is how long a merge waits for the fence; 5 min. Others lock it for seconds,
	// or while they apply some folds of a load, each of which may take half a minute.
	FenceWait time.Duration

	// BlockedWait is how long an alteration of a target is tried while others keep the target
	// locked; 5 min. No table gets on meanwhile, since the stream is not read before targets have
	// the columns that it needs. Most queries end within that time. A session that is idle in a
	// transaction may not end for days, and then it is better that only its table waits.
	BlockedWait time.Duration
}

// Warehouse is a Redshift database. It implements replicator.Warehouse and
// replicator.Loader.
type Warehouse struct {
	options  Options
	metadata metadata
	applies  atomic.Bool // held changes are being applied, under the fence

	logins logins        // of all sessions
	role   refusal.Spell // of COPY, because of the role or the bucket

	first replicator.Epoch // first epoch of this process; 0 if it has none yet

	merges link
	known  known

	heldRefusals  refusals // of held tables; it, loadRefusals and applyRefusals are used with the session for loads only
	applyRefusals refusals // of applying what is held
	loadRefusals  refusals // of targets and load tables
	loads         link     // makes targets, load tables and held tables, and applies held changes, so that live tables wait for short transactions only
}

var (
	_ replicator.Warehouse = (*Warehouse)(nil)
	_ replicator.Loader    = (*Warehouse)(nil)
)

// New returns a Warehouse. Nothing is opened yet.
func New(o Options) *Warehouse {
	o.IdleClose = cmp.Or(o.IdleClose, 30*time.Second)
	o.FenceWait = cmp.Or(o.FenceWait, 5*time.Minute)
	o.BlockedWait = cmp.Or(o.BlockedWait, 5*time.Minute)
	w := &Warehouse{options: o, metadata: metadata(o.MetadataSchema), logins: newLogins(),
		known: known{tries: map[string]int{}, blocked: map[string]blocked{}}}
	w.merges = link{open: w.open, idle: o.IdleClose}
	w.loads = link{open: w.open, idle: o.IdleClose}
	return w
}

// Close ends the sessions.
func (w *Warehouse) Close() {
	w.merges.close()
	w.loads.close()
}

// with calls do with the session for merges.
func (w *Warehouse) with(ctx context.Context, do func(*session) error) error {
	return w.merges.with(ctx, do)
}

// transaction runs do in a transaction whose first statement locks the fence. An
// error of do, or of COMMIT if the server answered, leaves nothing behind.
func (w *Warehouse) transaction(ctx context.Context, s *session, do func() error) error {
	return w.within(ctx, s, 0, []string{"BEGIN"}, []string{w.metadata.lock()}, do)
}

// bounded is transaction with a limit on the wait for the fence. When a client vanishes while it
// has the fence, Redshift keeps its session for hours. So the error at the limit is not
// Retryable: the pass ends, and the next one takes the fence, which ends such sessions. But if
// this daemon is applying held changes, they may be what has the fence, and the error is
// Retryable. The limit costs no round trip. It is for the session that merges: transactions of
// loads may have to wait for the join of a large table, and end with the pass.
func (w *Warehouse) bounded(ctx context.Context, s *session, do func() error) error {
	wait := w.options.FenceWait
	err := w.within(ctx, s, wait, []string{"BEGIN", setTimeout(wait)}, []string{w.metadata.lock(), setTimeout(0)}, do)
	e, ok := errors.AsType[*Error](err)
	if waitedForFence(err) {
		if e.retry = w.applies.Load(); !e.retry {
			e.Message += "; another session has kept the fence locked"
		}
	}
	if ok && e.Op == opLock {
		s.close(ctx) // and with it whatever timeout the rollback has left
	}
	return err
}

// opLock is the statement that locks the fence.
const opLock = "lock"

// within runs do in a transaction. begin and lock are the requests that begin it and that lock
// the fence. wait is the statement_timeout that limits the wait for the lock; 0 if there is none.
func (w *Warehouse) within(ctx context.Context, s *session, wait time.Duration, begin, lock []string, do func() error) error {
	if _, err := s.together(ctx, "begin", begin); err != nil {
		if len(begin) > 1 {
			s.close(ctx) // the transaction may have begun
		}
		return err
	}
	s.lasting = true
	err := s.patient(ctx, wait, func() error {
		_, err := s.together(ctx, opLock, lock)
		return err
	})
	if err == nil {
		err = do()
	}
	if err == nil {
		_, err = s.run(ctx, opCommit, "COMMIT")
	} else if _, rollback := s.run(context.WithoutCancel(ctx), "rollback", "ROLLBACK"); rollback != nil {
		s.close(ctx) // the next lock of the fence waits for the transaction to end
		return err
	}
	s.lasting = s.lasting && !answered(err)
	return err
}
