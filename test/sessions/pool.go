// Package sessions keeps sessions of tests for later statements.
//
// Tests ask a lot, mostly one statement at a time. A new session costs PostgreSQL a process,
// and the Redshift stand-in another one on the server behind it: a hundred times as much as
// the statement.
package sessions

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Pool keeps idle sessions, by DSN. The zero Pool is ready for use, by several goroutines at
// once.
type Pool struct {
	mu   sync.Mutex
	idle map[string][]*pgx.Conn
}

// mostIdle is how many sessions are kept for each DSN.
const mostIdle = 4

// With calls do with a session. Afterwards it keeps the session for others, unless it is
// closed or in a transaction. So do has to close a session in which it has changed a
// setting.
func (p *Pool) With(ctx context.Context, dsn string, do func(*pgx.Conn) error) error {
	c, err := p.session(ctx, dsn)
	if err != nil {
		return err
	}
	err = do(c)
	if c.IsClosed() || c.PgConn().TxStatus() != 'I' || !p.keep(dsn, c) {
		_ = c.Close(context.WithoutCancel(ctx)) // what is wrong with the session is in err
	}
	return err
}

// Forget closes the idle sessions whose DSN is one of those that are meant.
func (p *Pool) Forget(meant func(dsn string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for dsn, all := range p.idle {
		if !meant(dsn) {
			continue
		}
		for _, c := range all {
			_ = c.Close(context.Background())
		}
		delete(p.idle, dsn)
	}
}

// Close closes all idle sessions.
func (p *Pool) Close() { p.Forget(func(string) bool { return true }) }

// session returns an idle session that is still alive, or a new one.
func (p *Pool) session(ctx context.Context, dsn string) (*pgx.Conn, error) {
	for {
		c := p.take(dsn)
		if c == nil {
			return pgx.Connect(ctx, dsn)
		}
		if err := c.Ping(ctx); err == nil {
			return c, nil
		}
		_ = c.Close(context.WithoutCancel(ctx)) // the server has ended it
	}
}

// take removes and returns an idle session, or nil if there is none.
func (p *Pool) take(dsn string) *pgx.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.idle[dsn]
	if len(all) == 0 {
		return nil
	}
	p.idle[dsn] = all[:len(all)-1]
	return all[len(all)-1]
}

// keep stores a session, and reports whether it did.
func (p *Pool) keep(dsn string, c *pgx.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle[dsn]) == mostIdle {
		return false
	}
	if p.idle == nil {
		p.idle = map[string][]*pgx.Conn{}
	}
	p.idle[dsn] = append(p.idle[dsn], c)
	return true
}
