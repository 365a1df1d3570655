package redshifttest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rowshift/test/pgtest"
	"rowshift/test/proxytest"
	"rowshift/test/redshifttest"
	"rowshift/test/s3test"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// copyWorld is a stand-in with a bucket.
type copyWorld struct {
	*redshifttest.Server
	dev      *pgx.Conn
	bucket   *s3test.Server
	postgres string // DSN of the backing server
}

func newCopyWorld(t *testing.T, o redshifttest.Options) *copyWorld {
	t.Helper()
	backing := pgtest.Start(t, pgtest.Options{Least: redshifttest.BackingMajor})
	w := &copyWorld{bucket: s3test.Start(t), postgres: backing.DSN("dev")}
	o.Postgres = backing.DSN("postgres")
	o.S3Endpoint, o.S3Region, o.S3AccessKey, o.S3SecretKey = w.bucket.Endpoint(), w.bucket.Region, w.bucket.AccessKey, w.bucket.SecretKey
	w.Server, w.dev = connect(t, o)
	return w
}

// put writes files and their manifest, and returns the COPY that loads them into t.
func (w *copyWorld) put(t *testing.T, files ...string) string {
	t.Helper()
	var entries []string
	for i, file := range files {
		entries = append(entries, `{"url":"`+w.bucket.Put(t, fmt.Sprint("file", i), []byte(file))+`","mandatory":true}`)
	}
	manifest := w.bucket.Put(t, "manifest", []byte(`{"entries":[`+strings.Join(entries, ",")+`]}`))
	return "COPY t FROM '" + manifest + "' FORMAT AS CSV MANIFEST IAM_ROLE "
}

func (w *copyWorld) count(t *testing.T, conn *pgx.Conn, query string) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// below runs a statement on the backing server.
func (w *copyWorld) below(t *testing.T, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	exec(t, conn, statement)
}

//
func TestCopyTakesRolesOfTheList(t *testing.T) {
	const one, other = "arn:aws:iam::123456789012:role/one", "arn:aws:iam::123456789012:role/other"
	w := newCopyWorld(t, redshifttest.Options{Roles: []string{one, "default"}})
	exec(t, w.dev, "CREATE TABLE t (n INT)")
	statement := w.put(t, "1\n")
	for _, role := range []string{"'" + one + "'", "default", "'" + one + "," + one + "'"} {
		exec(t, w.dev, statement+role)
	}
	for _, role := range []string{other, one + "," + other, other + "," + one} {
		if _, err := w.dev.Exec(t.Context(), statement+"'"+role+"'"); code(err) != "XX000" || !strings.Contains(err.Error(), "is not authorized to assume IAM Role "+other) {
			t.Errorf("%s: %v", role, err)
		}
	}
	exec(t, w.dev, "BEGIN")
	if _, err := w.dev.Exec(t.Context(), statement+"'"+other+"'"); err == nil {
		t.Error("the role was taken in a transaction")
	}
	if status := w.dev.PgConn().TxStatus(); status != 'E' {
		t.Errorf("the transaction's status is %c after a COPY that was refused", status)
	}
	exec(t, w.dev, "ROLLBACK")
	if n := w.count(t, w.dev, "SELECT COUNT(*) FROM t"); n != 3 {
		t.Errorf("%d rows were loaded", n)
	}
}

//
func TestCopyOfSeveralUsers(t *testing.T) {
	w := newCopyWorld(t, redshifttest.Options{Users: map[string]string{"dev": "dev", "ann": "ann", "bob": "bob"}})
	exec(t, w.dev, "CREATE TABLE t (n INT)", "GRANT INSERT, SELECT ON t TO ann")
	ann, bob := dialAs(t, w.Server, "ann"), dialAs(t, w.Server, "bob")
	statement := w.put(t, "1\n2\n", "3\nx\n") + "default"
	if _, err := bob.Exec(t.Context(), statement); code(err) != "42501" {
		t.Errorf("bob has no right to the table: %v", err)
	}
	if _, err := ann.Exec(t.Context(), statement+" STATUPDATE ON"); code(err) != "42501" {
		t.Errorf("ann does not own the table: %v", err)
	}
	if _, err := ann.Exec(t.Context(), statement); code(err) != "XX000" {
		t.Errorf("a bad row: %v", err)
	}
	const errors = "SELECT COUNT(*) FROM stl_load_errors WHERE err_code = 1207"
	if a, b, d := w.count(t, ann, errors), w.count(t, bob, errors), w.count(t, w.dev, errors); a != 1 || b != 0 || d != 1 {
		t.Errorf("ann sees %d load errors, bob %d, dev %d", a, b, d)
	}
	own := fmt.Sprintf("SELECT COUNT(*) FROM stl_load_errors AS e JOIN pg_user AS u ON u.usesysid = e.userid WHERE u.usename = 'ann' AND e.session = %d AND e.starttime < DATEADD(hour, 1, GETDATE()) AND e.starttime > GETDATE() - INTERVAL '1 hour'", ann.PgConn().PID())
	if n := w.count(t, w.dev, own); n != 1 {
		t.Errorf("%d load errors are of ann's session", n)
	}
	if n := w.count(t, w.dev, "SELECT COUNT(*) FROM t"); n != 0 {
		t.Errorf("%d rows stayed of a COPY that failed", n)
	}
	w.below(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dev' AND usename = 'postgres' AND pid <> pg_backend_pid()")
	if _, err := ann.Exec(t.Context(), statement); code(err) != "XX000" || w.count(t, ann, errors) != 2 {
		t.Errorf("the log lost its connection: %v", err)
	}
}

// a COPY that has begun runs to its end even if its client goes away.
func TestCopyGoesOnWithoutItsClient(t *testing.T) {
	bucket := s3test.Start(t)
	front := proxytest.StartHTTP(t, bucket.Endpoint())
	w := &copyWorld{bucket: bucket}
	w.Server, w.dev = connect(t, redshifttest.Options{
		S3Endpoint: front.URL(), S3Region: bucket.Region, S3AccessKey: bucket.AccessKey, S3SecretKey: bucket.SecretKey})
	exec(t, w.dev, "CREATE TABLE t (n INT)")
	statement := w.put(t, "1\n2\n") + "default"
	under, hold := make(chan struct{}), make(chan struct{})
	var once sync.Once
	front.Add(proxytest.Rule{Hold: hold, Match: func(r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/file0") {
			return false
		}
		once.Do(func() { close(under) })
		return true
	}})
	gone, err := dial(t, w.Server).PgConn().Hijack() // a client that closes its connection properly would cancel the statement
	if err != nil {
		t.Fatal(err)
	}
	gone.Frontend.Send(&pgproto3.Query{String: statement})
	if err := gone.Frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	<-under
	if err := gone.Conn.Close(); err != nil {
		t.Fatal(err)
	}
	close(hold)
	soon := time.Now().Add(time.Minute)
	for w.count(t, w.dev, "SELECT COUNT(*) FROM t") != 2 {
		if time.Now().After(soon) {
			t.Fatal("the COPY was not completed")
		}
	}
}
