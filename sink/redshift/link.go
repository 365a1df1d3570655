package redshift

import (
	"context"
	"sync"
	"time"
)

// link is a session that is opened when it is needed, and closed when it is left alone
// for a while, so that a serverless workgroup can sleep. One that has staging tables ahead
// of a merge is left alone for waitsFor as long, since the commit that they wait for may be
// long in coming; no longer, since it may never come.
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
	l.expire(l.used, 1)
	return err
}

// waitsFor is how many times as long as another session one may be idle that has staging
// tables ahead of a merge: ten minutes by default.
const waitsFor = 20

// expire closes the session, once it has been idle for so many times as long as it may,
// unless it was used since then.
func (l *link) expire(used, times int) {
	time.AfterFunc(l.idle, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case l.used != used:
		case l.session.waits() && times < waitsFor:
			l.expire(used, times+1)
		default:
			l.drop(context.Background())
		}
	})
}
