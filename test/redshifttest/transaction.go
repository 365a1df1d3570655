package redshifttest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// transaction is what is known of a session's open transaction.
type transaction struct {
	implicit bool   // it was begun for one request
	defined  bool   // it has made or changed tables, which only its own session sees
	wrote    bool   // its commit takes CommitLatency
	cursor   string // the open cursor
	touched  string // the table that it wrote last
	number   int64
}

// beginImplicit begins the transaction of a request of several statements, unless the
// next statement begins one itself.
func (c *session) beginImplicit(ctx context.Context, next *statement) error {
	if c.backing.TxStatus() != 'I' || next.class == "BEGIN" || next.ends() {
		return nil
	}
	if err := c.quietly(ctx, "BEGIN"); err != nil {
		return err
	}
	c.transaction = transaction{implicit: true, number: c.server.transactions.Add(1)}
	return nil
}

// endImplicit ends the transaction of a request.
func (c *session) endImplicit(ctx context.Context, failed bool) error {
	if !c.transaction.implicit {
		return nil
	}
	c.transaction.implicit = false
	if failed || c.backing.TxStatus() != 'T' {
		return c.quietly(ctx, "ROLLBACK")
	}
	return c.commit(ctx)
}

// beginBlock runs BEGIN. In the middle of a request, the statements before it belong to
// the transaction too.
func (c *session) beginBlock(ctx context.Context, s *statement) error {
	switch {
	case c.transaction.implicit:
		c.transaction.implicit = false
	case c.backing.TxStatus() != 'I':
		c.notice("WARNING", "25001", "there is already a transaction in progress")
	default:
		if err := c.quietly(ctx, s.sql); err != nil {
			return err
		}
		c.transaction = transaction{number: c.server.transactions.Add(1)}
	}
	c.complete("BEGIN")
	return nil
}

// endBlock runs COMMIT and ROLLBACK. COMMIT of a transaction that has failed rolls it
// back.
func (c *session) endBlock(ctx context.Context, s *statement) error {
	tag := s.class
	switch status := c.backing.TxStatus(); {
	case status == 'I':
		c.notice("WARNING", "25P01", "there is no transaction in progress")
	case status == 'T' && tag == "COMMIT":
		if err := c.commit(ctx); err != nil {
			return err
		}
	default:
		tag = "ROLLBACK"
		if err := c.quietly(ctx, "ROLLBACK"); err != nil {
			return err
		}
	}
	c.transaction = transaction{}
	c.complete(tag)
	return nil
}

// commit commits. If commits take time, the cluster makes one at a time.
// https://docs.aws.amazon.com/redshift/latest/dg/r_STL_COMMIT_STATS.html
func (c *session) commit(ctx context.Context) error {
	if latency := c.server.options.CommitLatency; latency > 0 && c.transaction.wrote {
		c.server.commitQueue.Lock()
		defer c.server.commitQueue.Unlock()
		c.pause(latency)
	}
	return c.quietly(ctx, "COMMIT")
}

// spoil aborts the open transaction, as every error does on Redshift.
func (c *session) spoil(ctx context.Context) {
	if c.backing.TxStatus() == 'T' {
		_ = c.quietly(ctx, "ROLLBACK TO SAVEPOINT none") // there is no such savepoint, so this fails
	}
}

// complete answers with a command tag.
func (c *session) complete(tag string) {
	c.wire.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
}

func (c *session) notice(severity, code, message string) {
	c.wire.Send(&pgproto3.NoticeResponse{Severity: severity, Code: code, Message: message})
}

// refuseInside refuses a statement that may not run inside a transaction.
func (c *session) refuseInside(s *statement) error {
	if s.alone != "" && c.backing.TxStatus() != 'I' {
		return &Refusal{Code: "25001", Message: s.alone + " cannot run inside a transaction block", Rule: "R-110"}
	}
	return nil
}

// lockTarget takes the lock that makes writers of one table wait for each other, until
// their transaction ends; readers do not wait for it. It is taken before the statement
// takes its snapshot, so that a writer who has waited sees what the one before wrote.
// https://docs.aws.amazon.com/redshift/latest/dg/c_write_readwrite.html
func (c *session) lockTarget(ctx context.Context, s *statement) error {
	if s.target == "" || c.backing.TxStatus() != 'T' {
		return nil
	}
	c.transaction.touched, c.transaction.wrote = s.target, true
	lock := "LOCK TABLE " + s.target + " IN SHARE ROW EXCLUSIVE MODE;"
	const forget = "ROLLBACK TO SAVEPOINT redshift; RELEASE SAVEPOINT redshift"
	err := c.quietly(ctx, "SAVEPOINT redshift;"+lock+"RELEASE SAVEPOINT redshift")
	if hasCode(err, "42501") { // a user who may only INSERT may not take that lock on PostgreSQL
		if err := c.quietly(ctx, "ROLLBACK TO SAVEPOINT redshift"); err != nil {
			return err
		}
		err = c.quietly(ctx, "SET LOCAL ROLE pg_write_all_data;"+lock+"SET LOCAL ROLE NONE;RELEASE SAVEPOINT redshift")
		if hasCode(err, "42501") || hasCode(err, "42P01") {
			return c.quietly(ctx, forget) // the statement itself is refused for that
		}
	}
	if err != nil && c.backing.TxStatus() == 'E' {
		_ = c.quietly(ctx, forget) // so that the whole transaction is aborted and its locks are released
		c.spoil(ctx)
	}
	if s.copy != nil && hasCode(err, "42P01") {
		return &Refusal{Code: "XX000", Rule: "R-640", Message: "Cannot COPY into nonexistent table " + s.copy.shown}
	}
	if hasCode(err, "42809") {
		return ruled("R-454", unknown("a materialized view as the target of %s", s.class))
	}
	return err
}

// targets are the words that precede the name of the table that a statement writes.
var targets = map[string][]string{
	"INSERT": {"insert", "into"}, "UPDATE": {"update"}, "DELETE": {"delete", "from"}, "COPY": {"copy"}, "MERGE": {"merge", "into"},
}

// written returns the table that a statement writes, as PostgreSQL writes it.
func written(class string, tokens []token) (name string) {
	words, writes := targets[class]
	if !writes {
		return ""
	}
	p := &parser{tokens: tokens}
	for _, w := range words {
		p.accept(w)
	}
	defer func() {
		if refusal, ok := recover().(*Refusal); ok && refusal != nil {
			name = ""
		}
	}()
	return p.table()
}

// aside is a second session on the backing server, for reading the catalogue.
type aside struct {
	backing *pgconn.PgConn
	path    string // the last SET search_path of the client's session
}

func (a *aside) close() {
	if a.backing != nil {
		_ = a.backing.Close(context.Background())
	}
}

// snapshotless are the catalogue's views that are read committed: even in a transaction
// they show the current state and take no snapshot.
// https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
var snapshotless = []string{"svv_columns", "svv_tables", "svv_redshift_columns", "svv_redshift_tables", "information_schema"}

// readsCatalogue reports whether a statement is a query of the catalogue alone.
func readsCatalogue(s *statement, tokens []token) bool {
	if s.class != "SELECT" || s.tables > 0 {
		return false
	}
	found := false
	for n, t := range tokens {
		call := n+1 < len(tokens) && tokens[n+1].is("(")
		switch {
		case t.kind != wordToken && t.kind != quotedToken:
		case call && strings.HasPrefix(t.text, "pg_"):
			return false // the session's own number, or something done to other sessions
		case call:
		case slices.ContainsFunc([]string{"stl_", "stv_", "sys_", "svl_", "svcs_"}, func(prefix string) bool { return strings.HasPrefix(t.text, prefix) }),
			t.text == "svv_transactions", t.text == "svv_table_info":
			return false
		case strings.HasPrefix(t.text, "pg_") || slices.Contains(snapshotless, t.text):
			found = true
		}
	}
	return found
}

// reader returns the backing session on which to run a statement.
func (c *session) reader(ctx context.Context, s *statement) (*pgconn.PgConn, error) {
	if !s.catalogue || c.backing.TxStatus() != 'T' || c.transaction.defined || c.temporary {
		return c.backing, nil
	}
	if c.aside.backing == nil || c.aside.backing.IsClosed() {
		conn, err := c.connect(ctx)
		if err != nil {
			return nil, err
		}
		c.aside.backing = conn
	}
	if c.aside.path == "" {
		return c.aside.backing, nil
	}
	_, err := c.aside.backing.Exec(ctx, c.aside.path).ReadAll()
	return c.aside.backing, err
}

// follow notes what a statement that has run changes in the session.
func (c *session) follow(s *statement) {
	switch s.class {
	case "SELECT", "SHOW", "FETCH", "CLOSE", "LOCK", "BEGIN", "COMMIT", "ROLLBACK":
	case "SET":
		if strings.Contains(s.sql, "search_path") {
			c.aside.path = s.sql
		}
		if s.folding != nil {
			c.folding = *s.folding
		}
	case "DECLARE":
		c.transaction.cursor = s.cursor
	case "INSERT", "UPDATE", "DELETE", "COPY", "MERGE":
		c.transaction.wrote = true
	default:
		c.transaction.defined, c.transaction.wrote = true, true
		c.temporary = c.temporary || strings.HasPrefix(s.sql, "CREATE TEMP")
	}
	if s.class == "CLOSE" {
		c.transaction.cursor = ""
	}
}

// checkCursor keeps a cursor within its transaction, and refuses a second one.
// https://docs.aws.amazon.com/redshift/latest/dg/declare.html
func (c *session) checkCursor(s *statement) error {
	if s.cursor == "" {
		return nil
	}
	open := c.transaction.cursor
	switch {
	case s.class == "DECLARE" && (c.backing.TxStatus() == 'I' || c.transaction.implicit):
		return &Refusal{Code: "25P01", Message: "DECLARE CURSOR may only be used in transaction blocks", Rule: "R-120"}
	case c.backing.TxStatus() == 'I' || c.transaction.implicit:
		// https://github.com/awslabs/amazon-redshift-utils/issues/545
		return &Refusal{Code: "XX000", Message: "cursors can only be used within the transaction that created them.", Rule: "R-120"}
	case s.class == "DECLARE" && open == s.cursor:
		return &Refusal{Code: "42P03", Message: fmt.Sprintf("cursor %q already exists", s.cursor), Rule: "R-121"}
	case s.class == "DECLARE" && open != "":
		return ruled("R-121", unknown("cursor %q is open: a session has one at a time", open))
	case s.class != "DECLARE" && open != s.cursor:
		return &Refusal{Code: "34000", Message: fmt.Sprintf("cursor %q does not exist", s.cursor), Rule: "R-120"}
	}
	return nil
}
