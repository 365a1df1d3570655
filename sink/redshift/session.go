package redshift

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is a connection that runs one statement after another by the simple
// query protocol, with text results. Statements have no parameters: what they hold
// is written by the quoters.
type session struct {
	conn *pgconn.PgConn

	// lasting tells that what runs now may be there although its answer was lost: in
	// a transaction, and in a load.
	lasting bool

	// commits tells that a request is a transaction of its own, and what it has made is
	// not made anew: the server that ends the session may have committed it.
	commits bool

	ahead prepared
}

// open connects.
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

// application is the name of the pipeline's sessions.
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

// each runs statements one after another, each for itself. Definitions and grants are made
// in no transaction but the fence's: of a daemon that dies inside of one Redshift keeps it
// for hours, and whoever would make the same table waits for it, while what has the fence
// is ended by the next to take that. What lacks is made up for by the next.
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

// number is the only value of a result, which is a whole number.
func number(op string, rows [][][]byte) (n int64, err error) {
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, fmt.Errorf("redshift: %s: %d rows", op, len(rows))
	}
	if n, err = strconv.ParseInt(string(rows[0][0]), 10, 64); err != nil {
		return 0, fmt.Errorf("redshift: %s: not a number", op)
	}
	return n, nil
}

// patient runs what waits for a lock, while statement_timeout is that many milliseconds, 0
// for ever. It has the server cancel what goes on for more than twice as long: that the
// timeout counts such a wait is not in its page, which names planning, queueing and execution.
// https://docs.aws.amazon.com/redshift/latest/dg/r_statement_timeout.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_CANCEL.html
func (s *session) patient(ctx context.Context, timeout int, do func() error) error {
	if timeout == 0 {
		return do()
	}
	over := make(chan struct{})
	overdue := time.AfterFunc(2*time.Duration(timeout)*time.Millisecond+2*time.Second, func() {
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

// close says good-bye. A server that does not listen is not waited for.
func (s *session) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}
