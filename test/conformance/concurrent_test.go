package conformance

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// concurrent are the behaviours of concurrent transactions.
var concurrent = []*behaviour{
	{name: "writers-conflict", rules: []string{"R-117"}, grade: "O", observe: writersConflict},
	{name: "cycles-by-level", rules: []string{"R-116", "R-118"}, grade: "O", observe: cycles},
}

// run runs statements, and returns the first error.
func (s *server) run(conn *pgx.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.Exec(s.ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// conflict reports whether err is how a transaction ends that lost to another one.
func conflict(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == "XX000" &&
		(strings.Contains(said.Message, "1023") || strings.Contains(said.Message, "conflict with concurrent transaction"))
}

// writersConflict changes a row that another transaction has changed since this one began
// to read.
func writersConflict(s *server) string {
	a, b := s.session("a"), s.session("b")
	err := errors.Join(
		s.run(a, "CREATE TABLE contended (id INT, n INT)", "INSERT INTO contended VALUES (1, 0)", "BEGIN", "SELECT COUNT(*) FROM contended"),
		s.run(b, "BEGIN", "SELECT COUNT(*) FROM contended"),
		s.run(a, "UPDATE contended SET n = 1 WHERE id = 1"))
	if err != nil {
		return err.Error()
	}
	second := make(chan error, 1)
	go func() {
		_, err := b.Exec(s.ctx, "UPDATE contended SET n = 2 WHERE id = 1")
		second <- err
	}()
	if err := s.run(a, "COMMIT"); err != nil {
		return err.Error()
	}
	err = <-second
	if err == nil {
		err = s.run(b, "COMMIT")
	}
	if !conflict(err) {
		return fmt.Sprintf("the second writer of a row ended with %v, not with 1023 or a conflict", err)
	}
	return ""
}

// cycles makes two transactions each of which reads what the other one writes. At
// snapshot isolation both are committed, at serializable only one.
func cycles(s *server) string {
	a, b := s.session("a"), s.session("b")
	err := errors.Join(
		s.run(a, "CREATE TABLE cycle_a (id INT)", "CREATE TABLE cycle_b (id INT)", "BEGIN", "SELECT COUNT(*) FROM cycle_a"),
		s.run(b, "BEGIN", "SELECT COUNT(*) FROM cycle_b", "INSERT INTO cycle_a VALUES (1)"),
		s.run(a, "INSERT INTO cycle_b VALUES (1)", "COMMIT"))
	if err == nil {
		err = s.run(b, "COMMIT")
	}
	if err != nil && !conflict(err) {
		return fmt.Sprintf("a cycle ended with %v", err)
	}
	var level string
	told := s.session("").QueryRow(s.ctx, "SELECT LOWER(TRIM(isolation_level)) FROM stv_db_isolation_level WHERE db_name = CURRENT_DATABASE()").Scan(&level)
	switch {
	case told != nil: // not every user may ask
		s.notTold = "the level cannot be read: " + told.Error()
	case strings.Contains(level, "snapshot") != (err == nil):
		return fmt.Sprintf("the level is %s, and a cycle ended with %v", level, err)
	}
	return ""
}
