package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// session is an ordinary session. What the server refuses on it comes back as a *fault,
// which holds no value of a row, so nobody who passes such an error on has to think of
// that. Only what is done by its PgConn, or by the Conn of one of its transactions, brings
// the errors of the server as they are.
type session struct{ *pgx.Conn }

func (s *session) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	tag, err := s.Conn.Exec(ctx, sql, args...)
	return tag, bare(err)
}

func (s *session) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := s.Conn.Query(ctx, sql, args...)
	return bareRows{rows}, bare(err)
}

func (s *session) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return bareRow{s.Conn.QueryRow(ctx, sql, args...)}
}

func (s *session) Begin(ctx context.Context) (pgx.Tx, error) {
	return s.BeginTx(ctx, pgx.TxOptions{})
}

func (s *session) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	tx, err := s.Conn.BeginTx(ctx, options)
	return bareTx{tx}, bare(err)
}

// bareTx is a transaction of a session.
type bareTx struct{ pgx.Tx }

func (t bareTx) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := t.Tx.Begin(ctx)
	return bareTx{tx}, bare(err)
}

func (t bareTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	tag, err := t.Tx.Exec(ctx, sql, args...)
	return tag, bare(err)
}

func (t bareTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := t.Tx.Query(ctx, sql, args...)
	return bareRows{rows}, bare(err)
}

func (t bareTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return bareRow{t.Tx.QueryRow(ctx, sql, args...)}
}

func (t bareTx) Commit(ctx context.Context) error   { return bare(t.Tx.Commit(ctx)) }
func (t bareTx) Rollback(ctx context.Context) error { return bare(t.Tx.Rollback(ctx)) }

// bareRows and bareRow are what a session's queries return.
type (
	bareRows struct{ pgx.Rows }
	bareRow  struct{ pgx.Row }
)

func (r bareRows) Scan(to ...any) error { return bare(r.Rows.Scan(to...)) }
func (r bareRows) Err() error           { return bare(r.Rows.Err()) }
func (r bareRow) Scan(to ...any) error  { return bare(r.Row.Scan(to...)) }

// ended reports whether the server has ended a session on which nothing is done.
func ended(conn *session) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := conn.PgConn().ReceiveMessage(ctx)
	return err != nil && !pgconn.Timeout(err)
}

// idle reports whether q is a session that is in no transaction.
func idle(q querier) bool {
	s, alone := q.(*session)
	return alone && s.PgConn().TxStatus() == idleStatus
}

// idleStatus is the status that the server reports for a session that is in no transaction.
// https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-READYFORQUERY
const idleStatus = 'I'
