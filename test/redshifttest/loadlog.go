package redshifttest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"rowshift/test/redshifttest/copyload"

	"github.com/jackc/pgx/v5"
)

// s3 is the client of S3 that all COPYs share, so that they use the same connections
// again.
type s3 struct {
	once  sync.Once
	store *copyload.S3Store
	err   error
}

func (s *s3) get(o Options) (*copyload.S3Store, error) {
	s.once.Do(func() {
		s.store, s.err = copyload.NewS3Store(context.Background(), copyload.S3Options{
			Endpoint: o.S3Endpoint, Region: o.S3Region, AccessKey: o.S3AccessKey, SecretKey: o.S3SecretKey})
	})
	return s.store, s.err
}

// logbook writes what must outlive the transactions of sessions, on a connection of the
// stand-in's own.
type logbook struct {
	mu   sync.Mutex
	conn *pgx.Conn
}

// write calls what with the connection, and again if the connection was lost, which a
// restart of the backing server does.
func (l *logbook) write(ctx context.Context, s *Server, what func(*pgx.Conn) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		if err := what(l.conn); err == nil || !l.conn.IsClosed() {
			return err
		}
	}
	config := s.backing.Copy()
	config.Database = s.options.Database
	var err error
	if l.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		l.conn = nil
		return err
	}
	return what(l.conn)
}

func (l *logbook) close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil
	}
	return l.conn.Close(ctx)
}

// countOn continues the numbers of COPYs after the greatest in the logs.
func (s *Server) countOn(ctx context.Context, conn *pgx.Conn) error {
	var last int64
	err := conn.QueryRow(ctx, "SELECT greatest(100, (SELECT max(query) FROM "+catalogueSchema+".load_error), (SELECT max(query) FROM "+catalogueSchema+".load_commit))").Scan(&last)
	s.copies.Store(last)
	return err
}

// loaded is a COPY that has ended.
type loaded struct {
	target  target
	spec    *copyload.Spec
	started time.Time
	result  copyload.Result
	failed  bool
}

// slicesOfCluster is the number of slices over which files are spread.
const slicesOfCluster = 2

// keep writes the rows that a COPY refused to the log of load errors, and the files of a
// successful one to the log of commits. Both outlive a rollback.
// https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
func (s *Server) keep(ctx context.Context, l loaded) error {
	if l.failed && len(l.result.Errors) == 0 {
		return nil
	}
	oid, _ := strconv.ParseInt(l.target.oid, 10, 64)
	user, _ := strconv.ParseInt(l.target.user, 10, 64)
	var refused, files [][]any
	for _, e := range l.result.Errors {
		at := slices.IndexFunc(l.result.Files, func(f copyload.File) bool { return f.URL == e.FileName })
		refused = append(refused, []any{user, max(at, 0) % slicesOfCluster, oid, l.started, l.spec.PID, l.spec.Query, e.FileName, e.LineNumber,
			e.Column, e.Type, e.ColLength, e.Position, e.RawLine, e.RawField, e.Code, e.Reason})
	}
	for at, f := range l.result.Files {
		if !l.failed && !l.spec.NoLoad {
			files = append(files, []any{user, l.spec.Query, at % slicesOfCluster, f.URL, f.Lines, time.Now().UTC()})
		}
	}
	return s.log.write(ctx, s, func(conn *pgx.Conn) error {
		if err := enter(ctx, conn, "load_error", loadErrorColumns, refused); err != nil {
			return err
		}
		return enter(ctx, conn, "load_commit", loadCommitColumns, files)
	})
}

// enter adds rows to a table of the catalogue. Often there are none: most COPYs have
// entries for one log only.
func enter(ctx context.Context, conn *pgx.Conn, table string, columns []string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := conn.CopyFrom(ctx, pgx.Identifier{catalogueSchema, table}, columns, pgx.CopyFromRows(rows))
	return err
}

var (
	loadErrorColumns = []string{"userid", "slice", "tbl", "starttime", "session", "query", "filename", "line_number",
		"colname", "type", "col_length", "position", "raw_line", "raw_field_value", "err_code", "err_reason"}
	loadCommitColumns = []string{"userid", "query", "slice", "filename", "lines_scanned", "curtime"}
)
