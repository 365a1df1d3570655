package sessions_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowshift/test/pgtest"
	"rowshift/test/sessions"
)

// A session is used again only if it is as it was when it was new, and is still alive.
func TestPool(t *testing.T) {
	s := pgtest.Start(t)
	dsn := s.DSN("postgres")
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		leaves func(context.Context, *pgx.Conn) error
		then   func(p *sessions.Pool, pid uint32)
		kept   bool
	}{
		"as it was":        {kept: true},
		"after an error":   {leaves: func(context.Context, *pgx.Conn) error { return broken }, kept: true},
		"in a transaction": {leaves: func(ctx context.Context, c *pgx.Conn) error { _, err := c.Exec(ctx, "BEGIN"); return err }},
		"closed":           {leaves: func(ctx context.Context, c *pgx.Conn) error { return c.Close(ctx) }},
		"ended by the server": {then: func(_ *sessions.Pool, pid uint32) {
			other, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close(context.Background())
			if _, err := other.Exec(t.Context(), "SELECT pg_terminate_backend($1, 10000)", pid); err != nil {
				t.Fatal(err)
			}
		}},
		"forgotten": {then: func(p *sessions.Pool, _ uint32) { p.Close() }},
		"another's": {then: func(p *sessions.Pool, _ uint32) { p.Forget(func(of string) bool { return of != dsn }) }, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &sessions.Pool{}
			defer p.Close()
			var first, second uint32
			err := p.With(t.Context(), dsn, func(conn *pgx.Conn) error {
				first = conn.PgConn().PID()
				if c.leaves == nil {
					return nil
				}
				return c.leaves(t.Context(), conn)
			})
			if err != nil && !errors.Is(err, broken) {
				t.Fatal(err)
			}
			if c.then != nil {
				c.then(p, first)
			}
			err = p.With(t.Context(), dsn, func(conn *pgx.Conn) error {
				second = conn.PgConn().PID()
				_, err := conn.Exec(t.Context(), "SELECT 1")
				return err
			})
			if err != nil || first == second != c.kept {
				t.Errorf("the same session again: %v; %v", first == second, err)
			}
		})
	}
}
