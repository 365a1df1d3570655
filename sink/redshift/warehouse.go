package redshift

import (
	"context"
	"sync"
	"time"

	"rowshift/replicator"

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
	Readers        []string // users, or "group name", that may read what we make
	QueryGroup     string

	// IdleClose is how long a session without work stays open; 30 s.
	IdleClose time.Duration
}

// Warehouse is a Redshift database. It implements replicator.Warehouse and
// replicator.Loader.
type Warehouse struct {
	options  Options
	metadata metadata

	defining sync.Mutex // one load at a time defines schemas and targets

	mu      sync.Mutex // guards what follows
	session *session   // for merges; nil if none is open
	used    int        // counts uses, so that an old timer does not close a session in use
	stages  int        // counts staging tables
	tables  string     // the tables' states as last written
}

var (
	_ replicator.Warehouse = (*Warehouse)(nil)
	_ replicator.Loader    = (*Warehouse)(nil)
)

// New returns a Warehouse. Nothing is opened yet.
func New(o Options) *Warehouse {
	if o.IdleClose == 0 {
		o.IdleClose = 30 * time.Second
	}
	return &Warehouse{options: o, metadata: metadata(o.MetadataSchema)}
}

// Close ends the session for merges.
func (w *Warehouse) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(context.Background())
}

// drop ends the session; the lock is held.
func (w *Warehouse) drop(ctx context.Context) {
	if w.session != nil {
		w.session.close(ctx)
		w.session = nil
	}
}

// with calls do with the session for merges, opened if it is not. A session that
// broke is dropped; one that is left alone for a while is closed.
func (w *Warehouse) with(ctx context.Context, do func(*session) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != nil && w.session.conn.IsClosed() {
		w.session = nil
	}
	if w.session == nil {
		s, err := w.open(ctx)
		if err != nil {
			return err
		}
		w.session = s
	}
	err := do(w.session)
	if !answered(err) || w.session.conn.IsClosed() {
		w.drop(ctx)
	}
	w.used++
	now := w.used
	time.AfterFunc(w.options.IdleClose, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.used == now {
			w.drop(context.Background())
		}
	})
	return err
}

// transaction runs do in a transaction whose first statement locks the fence. An
// error of do, or of COMMIT if the server answered, leaves nothing behind.
func (w *Warehouse) transaction(ctx context.Context, s *session, do func() error) error {
	if _, err := s.run(ctx, "begin", "BEGIN"); err != nil {
		return err
	}
	s.lasting = true
	_, err := s.run(ctx, "lock", w.metadata.lock())
	if err == nil {
		err = do()
	}
	if err == nil {
		_, err = s.run(ctx, opCommit, "COMMIT")
	} else if _, rollback := s.run(context.WithoutCancel(ctx), "rollback", "ROLLBACK"); rollback != nil {
		s.close(ctx) // what the transaction left is found by the next lock of the fence
		return err
	}
	s.lasting = s.lasting && !answered(err)
	return err
}
