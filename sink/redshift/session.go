package redshift

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is a connection that runs one statement after another by the simple query protocol,
// with text results. Statements have no parameters: the quoting functions write values into
// them.
type session struct {
	conn *pgconn.PgConn

	// lasting says that what runs now may take effect although its answer is lost, as in a
	// transaction or a load.
	lasting bool

	// commits says that each request is a transaction of its own, and that its result is not
	// simply made again. If the server ends the session, the request may have been committed.
	commits bool

	ahead prepared
}

// open connects, and sets what a session begins with.
func (w *Warehouse) open(ctx context.Context) (*session, error) {
	conn, err := w.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn}
	if _, err := s.together(ctx, "begin a session", beginSession(w.options.QueryGroup)); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

// application returns the application name of the pipeline's sessions.
func (w *Warehouse) application() string { return "rowshift/" + w.options.Pipeline }

// run runs a statement and returns how many rows it changed. op names it in errors.
func (s *session) run(ctx context.Context, op, sql string) (int64, error) {
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return 0, s.failed(op, err)
	}
	var n int64
	for _, r := range results {
		n += r.CommandTag.RowsAffected()
	}
	return n, nil
}

// each runs statements one after another; outside of a transaction each commits by itself.
// Definitions and grants are made in a transaction only if that has the fence. When a daemon
// dies inside a transaction, Redshift keeps it open for hours, and whoever wants to make the
// same table waits for it; but a session that has the fence is ended by the next daemon that
// takes the fence. That daemon also makes what is missing.
func (s *session) each(ctx context.Context, op string, statements []string) error {
	for _, sql := range statements {
		if _, err := s.run(ctx, op, sql); err != nil {
			return err
		}
	}
	return nil
}

// rows runs a query and returns its rows as text; NULL is nil.
func (s *session) rows(ctx context.Context, op, sql string) ([][][]byte, error) {
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, s.failed(op, err)
	}
	if len(results) != 1 {
		return nil, fmt.Errorf("redshift: %s: %d results", op, len(results))
	}
	return results[0].Rows, nil
}

// number runs a query for one whole number.
func (s *session) number(ctx context.Context, op, sql string) (int64, error) {
	rows, err := s.rows(ctx, op, sql)
	if err != nil {
		return 0, err
	}
	return number(op, rows)
}

// number returns the only value of a result, which is a whole number.
func number(op string, rows [][][]byte) (n int64, err error) {
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, fmt.Errorf("redshift: %s: %d rows", op, len(rows))
	}
	if n, err = strconv.ParseInt(string(rows[0][0]), 10, 64); err != nil {
		return 0, fmt.Errorf("redshift: %s: not a number", op)
	}
	return n, nil
}

// limit limits how long each statement that follows may take; 0 is no limit.
func (s *session) limit(ctx context.Context, d time.Duration) error {
	_, err := s.run(ctx, "set statement_timeout", setTimeout(d))
	return err
}

// patient runs do, which waits for a lock. timeout is the session's statement_timeout, 0 for
// none. If do takes a little more than twice as long, patient has the server cancel it: the page
// on the timeout says that planning, queueing and execution count, but not whether the wait for a
// lock does.
// https://docs.aws.amazon.com/redshift/latest/dg/r_statement_timeout.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_CANCEL.html
func (s *session) patient(ctx context.Context, timeout time.Duration, do func() error) error {
	if timeout == 0 {
		return do()
	}
	over := make(chan struct{})
	overdue := time.AfterFunc(2*timeout+2*time.Second, func() {
		defer close(over)
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_ = s.conn.CancelRequest(ctx)
	})
	err := do()
	if !overdue.Stop() {
		<-over
	}
	return err
}

// close ends the session. It does not wait long for a server that does not answer.
func (s *session) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}
