package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestNoValueLeavesASession has the server quote a value in its errors, in every way in which
// a session is asked something.
func TestNoValueLeavesASession(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	w.exec(conn, `CREATE TABLE a (v text UNIQUE DEFERRABLE INITIALLY DEFERRED)`)
	const bad, twice = `SELECT 'canary'::int FROM generate_series(1, 2)`, `INSERT INTO a VALUES ('canary'), ('canary')`
	asked := func(rows pgx.Rows, err error) error {
		_, failed := pgx.CollectRows(rows, pgx.RowTo[int])
		return errors.Join(err, failed)
	}
	begun := func(do func(context.Context, pgx.Tx) error) func(context.Context) error {
		return func(ctx context.Context) error {
			return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return do(ctx, tx) })
		}
	}
	row := func(ctx context.Context, q querier) error { return q.QueryRow(ctx, bad).Scan(new(int)) }
	for name, do := range map[string]func(context.Context) error{
		"exec":     func(ctx context.Context) error { _, err := conn.Exec(ctx, bad); return err },
		"query":    func(ctx context.Context) error { return asked(conn.Query(ctx, bad)) },
		"row":      func(ctx context.Context) error { return row(ctx, conn) },
		"exec in":  begun(func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, bad); return err }),
		"query in": begun(func(ctx context.Context, tx pgx.Tx) error { return asked(tx.Query(ctx, bad)) }),
		"row in":   begun(func(ctx context.Context, tx pgx.Tx) error { return row(ctx, tx) }),
		"commit":   begun(func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, twice); return err }),
		"inner": begun(func(ctx context.Context, tx pgx.Tx) error {
			return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return row(ctx, tx) })
		}),
	} {
		err := do(t.Context())
		_, raw := errors.AsType[*pgconn.PgError](err)
		if code := codeOf(err); raw || code != "22P02" && code != "23505" || strings.Contains(fmt.Sprintf("%v %+v", err, err), "canary") {
			t.Errorf("%s: %+v", name, err)
		}
	}
}
