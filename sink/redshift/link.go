package redshift

import (
	"context"
	"sync"
	"time"
)

// link is a session that is opened when it is needed, and closed when it is left alone
// for a while, so that a serverless workgroup can sleep; but not one that has staging tables
// ahead of a merge: the commit that they wait for may be long in coming.
type link struct {
	open func(context.Context) (*session, error)
	idle time.Duration

	mu      sync.Mutex // guards what follows
	session *session   // nil if none is open
	used    int        // counts uses, so that an old timer does not close a session in use
}

// close ends the session.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(context.Background())
}

// drop ends the session; the lock is held.
func (l *link) drop(ctx context.Context) {
	if l.session != nil {
		l.session.close(ctx)
		l.session = nil
	}
}

// with calls do with the session, opened if it is not. One that broke is dropped.
func (l *link) with(ctx context.Context, do func(*session) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil && l.session.conn.IsClosed() {
		l.session = nil
	}
	if l.session == nil {
		s, err := l.open(ctx)
		if err != nil {
			return err
		}
		l.session = s
	}
	err := do(l.session)
	if !answered(err) || l.session.conn.IsClosed() {
		l.drop(ctx)
	}
	l.used++
	now := l.used
	time.AfterFunc(l.idle, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.used == now && !l.session.waits() {
			l.drop(context.Background())
		}
	})
	return err
}
