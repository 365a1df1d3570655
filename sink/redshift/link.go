package redshift

import (
	"context"
	"sync"
	"time"
)

// link is a session that is opened when it is needed, and closed when it has been idle for a
// while, so that a serverless workgroup can sleep. A session that has staging tables ahead of a
// merge may be idle for waitsFor times as long: the commit that they wait for may take long to
// come, or may never come.
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

// drop ends the session. The caller holds the lock.
func (l *link) drop(ctx context.Context) {
	if l.session != nil {
		l.session.close(ctx)
		l.session = nil
	}
}

// with calls do with the session, which it opens if there is none. It drops a session that
// broke, or has lost its temporary tables.
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
	if !answered(err) || lostTables(err) || l.session.conn.IsClosed() {
		l.drop(ctx)
	}
	l.used++
	l.expire(l.used, 1)
	return err
}

// waitsFor is how many times as long as another a session may be idle that has staging tables
// ahead of a merge: ten minutes in all, by default.
const waitsFor = 20

// expire closes the session after the idle time, unless it was used since then.
func (l *link) expire(used, times int) {
	time.AfterFunc(l.idle, func() { l.expired(used, times) })
}

// expired closes the session, which has been idle for that many times the idle time unless it was
// used since then. One that has staging tables ahead of a merge is given further rounds.
func (l *link) expired(used, times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.used != used:
	case l.session.waits() && times < waitsFor:
		l.expire(used, times+1)
	default:
		l.drop(context.Background())
	}
}
