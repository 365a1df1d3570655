package harness

import (
	"context"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// idle keeps sessions for later statements, by DSN, because tests poll a lot. A new
// session costs the server a process, and the stand-in another one on the server behind
// it.
var idle = struct {
	mu sync.Mutex
	by map[string][]*pgconn.PgConn
}{by: map[string][]*pgconn.PgConn{}}

// mostIdle is how many sessions are kept for each DSN.
const mostIdle = 4

// with calls do with a session. Afterwards it keeps the session for others, unless it is
// closed or in a transaction. So do has to close a session in which it has changed a
// setting.
func with(ctx context.Context, dsn string, do func(*pgconn.PgConn) error) error {
	c, err := session(ctx, dsn)
	if err != nil {
		return err
	}
	err = do(c)
	if c.IsClosed() || c.TxStatus() != 'I' || !keep(dsn, c) {
		_ = c.Close(context.WithoutCancel(ctx)) // what is wrong with the session is in err
	}
	return err
}

// session returns a kept session that is still alive, or a new one.
func session(ctx context.Context, dsn string) (*pgconn.PgConn, error) {
	for {
		c := kept(dsn)
		if c == nil {
			return pgconn.Connect(ctx, dsn)
		}
		if err := c.Ping(ctx); err == nil {
			return c, nil
		}
		_ = c.Close(context.WithoutCancel(ctx)) // the server has ended it
	}
}

// kept removes and returns a kept session, or nil if there is none.
func kept(dsn string) *pgconn.PgConn {
	idle.mu.Lock()
	defer idle.mu.Unlock()
	all := idle.by[dsn]
	if len(all) == 0 {
		return nil
	}
	idle.by[dsn] = all[:len(all)-1]
	return all[len(all)-1]
}

// keep stores a session, and reports whether it did.
func keep(dsn string, c *pgconn.PgConn) bool {
	idle.mu.Lock()
	defer idle.mu.Unlock()
	if len(idle.by[dsn]) == mostIdle {
		return false
	}
	idle.by[dsn] = append(idle.by[dsn], c)
	return true
}

// forget closes the kept sessions to the server at an address.
func forget(address string) {
	idle.mu.Lock()
	defer idle.mu.Unlock()
	for dsn, all := range idle.by {
		if !strings.Contains(dsn, "@"+address+"/") {
			continue
		}
		for _, c := range all {
			_ = c.Close(context.Background())
		}
		delete(idle.by, dsn)
	}
}
