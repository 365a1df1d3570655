package copyload_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowshift/test/pgtest"
	"rowshift/test/redshifttest/copyload"
	"rowshift/test/s3test"
)

var (
	bucket   s3test.Shared
	database pgtest.Shared
)

func TestMain(m *testing.M) {
	defer bucket.Close()
	defer database.Close()
	m.Run()
}

func storeOf(t testing.TB, s *s3test.Server) *copyload.S3Store {
	t.Helper()
	store, err := copyload.NewS3Store(t.Context(), copyload.S3Options{
		Endpoint: s.Endpoint(), Region: s.Region, AccessKey: s.AccessKey, SecretKey: s.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// copyInto pipes a load into COPY FROM STDIN, as the server does.
func copyInto(ctx context.Context, conn *pgx.Conn, spec copyload.Spec, store copyload.Store) (copyload.Result, error) {
	r, w := io.Pipe()
	type end struct {
		result copyload.Result
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		result, err := copyload.Load(ctx, spec, store, w)
		w.CloseWithError(err)
		ended <- end{result, err}
	}()
	_, err := conn.PgConn().CopyFrom(ctx, r, "COPY "+spec.Table+" FROM STDIN")
	r.CloseWithError(err) // otherwise Load would go on writing to nobody
	e := <-ended
	return e.result, errors.Join(e.err, err)
}

const tenColumnTable = "CREATE TABLE t (id varchar, name varchar, email varchar, n bigint, small integer, price numeric(12,2), ratio double precision, flag boolean, day date, at timestamptz)"

func connect(t testing.TB) *pgx.Conn {
	t.Helper()
	s := database.Server(t)
	dsn := s.DSN(s.CreateDB(t))
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), tenColumnTable); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A load through S3 gives PostgreSQL the same rows as PostgreSQL's own COPY of the same
// file.
func TestThroughS3IntoPostgreSQL(t *testing.T) {
	s := bucket.Server(t)
	text := tenColumnRows(5000)
	s.Put(t, "part1.csv.gz", gzipped(t, text[:strings.Index(text, "\n")+1]))
	s.Put(t, "part2.csv.gz", gzipped(t, text[strings.Index(text, "\n")+1:]))
	manifest := bytes.ReplaceAll(manifestOf("part1.csv.gz", "part2.csv.gz", "?nothing.csv.gz"), []byte("s3://b/"), []byte("s3://"+s.Bucket+"/"))
	conn := connect(t)
	spec := copyload.Spec{Table: "t", Columns: tenColumns, From: s.Put(t, "m", manifest), Manifest: true, Compression: copyload.GZIP,
		Format: copyload.CSV, DateFormat: "auto", TimeFormat: "auto"}
	result, err := copyInto(t.Context(), conn, spec, storeOf(t, s))
	if err != nil || result.Rows != 5000 || len(result.Files) != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	if _, err := conn.Exec(t.Context(), strings.Replace(tenColumnTable, "t (", "u (", 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(text), "COPY u FROM STDIN (FORMAT csv)"); err != nil {
		t.Fatal(err)
	}
	var different int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM ((TABLE t EXCEPT ALL TABLE u) UNION ALL (TABLE u EXCEPT ALL TABLE t)) AS d").Scan(&different); err != nil || different != 0 {
		t.Errorf("%d rows differ, %v", different, err)
	}
}

// a COPY that fails in its last row leaves nothing behind.
func TestNothingStaysOfAFailedCopy(t *testing.T) {
	s := bucket.Server(t)
	conn := connect(t)
	spec := copyload.Spec{Table: "t", Columns: tenColumns, From: s.Put(t, "bad", []byte(tenColumnRows(2000)+"x\n")), Format: copyload.CSV, DateFormat: "auto", TimeFormat: "auto"}
	if _, err := copyInto(t.Context(), conn, spec, storeOf(t, s)); err == nil {
		t.Fatal("the COPY did not fail")
	}
	var rows int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows stayed, %v", rows, err)
	}
}

//
func TestS3Answers(t *testing.T) {
	s := bucket.Server(t)
	s.Put(t, "list/1", []byte("x"))
	s.Put(t, "list/2", nil)
	store := storeOf(t, s)
	all, err := store.List(t.Context(), copyload.Object{Bucket: s.Bucket, Key: "list/"})
	if err != nil || len(all) != 2 || all[0].Key != "list/1" {
		t.Errorf("listed %v, %v", all, err)
	}
	stranger, err := copyload.NewS3Store(t.Context(), copyload.S3Options{Endpoint: s.Endpoint(), Region: s.Region, AccessKey: s.AccessKey, SecretKey: "not the key"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		store  copyload.Store
		object copyload.Object
		want   error
	}{
		"no key":         {store, copyload.Object{Bucket: s.Bucket, Key: "none"}, copyload.ErrNoSuchKey},
		"no bucket":      {store, copyload.Object{Bucket: "elsewhere", Key: "none"}, copyload.ErrNoSuchBucket},
		"another region": {store, copyload.Object{Bucket: s.Bucket, Key: "list/1", Region: "eu-west-3"}, copyload.ErrWrongRegion},
		"no rights":      {stranger, copyload.Object{Bucket: s.Bucket, Key: "list/1"}, copyload.ErrAccessDenied},
	} {
		body, err := c.store.Open(t.Context(), c.object)
		if err == nil {
			body.Close()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.store.List(t.Context(), c.object); name != "no key" && !errors.Is(err, c.want) {
			t.Errorf("%s: listing: %v", name, err)
		}
	}
}
