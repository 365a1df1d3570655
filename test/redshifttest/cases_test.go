package redshifttest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// fixture makes the tables that the cases use.
const fixture = `CREATE TABLE t (id INT, v VARCHAR(100), w INT, v3 VARCHAR(3), c10 CHAR(10), n19 NUMERIC(19,0), v16 VARCHAR(16), d TIMESTAMP, a INT, b INT, nullable_col INT, doc SUPER, del BOOL);
CREATE TABLE t2 (LIKE t); CREATE TABLE s (id INT, v VARCHAR(100), del BOOL); CREATE TABLE stage (id INT); CREATE TABLE empty_t (id INT);
CREATE TABLE pk_t (id INT PRIMARY KEY); CREATE TABLE kv (k VARCHAR(256), v VARCHAR(256)); CREATE TABLE emp (id INT, mgr INT); CREATE TABLE w (a INT, b INT);
CREATE VIEW myview AS SELECT id, v FROM t; CREATE MATERIALIZED VIEW mv AS SELECT id FROM t; CREATE SCHEMA other; CREATE USER u1 PASSWORD DISABLE;
INSERT INTO t (id, v) VALUES (1, 'a'); INSERT INTO kv VALUES ('a', '1'); INSERT INTO w VALUES (1, 2)`

// quotedText finds the error text, in quotes, in the reason of a case; recordedCode finds
// an SQLSTATE.
var (
	quotedText   = regexp.MustCompile(`'([^']{6,})'`)
	recordedCode = regexp.MustCompile(`\b([0-9]{2}[0-9A-Z]{3})\b`)
)

// otherNames replaces names of tables and columns in texts that a case's source gives, by
// those of the case.
var otherNames = map[string]string{
	`Column "x.id" has unsupported type "serial".`:    `Column "x.c" has unsupported type "serial".`,
	`Column "host_tmp" has unsupported type "bytea".`: `Column "x.c" has unsupported type "bytea".`,
}

// notTaken are the cases that Redshift accepts and the stand-in refuses, with the
// stand-in's words.
var notTaken = map[string]string{
	"COPY t (id, v)": "Problem reading manifest file", // it is accepted and run, but there is no such object
	"UNLOAD":         "[stand-in]",
}

// before is what must be done before a case.
var before = map[string][]string{
	"CREATE USER u1": {"REVOKE DROP ON TABLE t FROM u1", "DROP USER u1"}, // an earlier case grants this user a right
}

// TestCases runs a list of statements on which Redshift and PostgreSQL disagree: the
// stand-in must refuse what Redshift refuses and accept what it accepts.
func TestCases(t *testing.T) {
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("<Error><Code>NoSuchKey</Code></Error>"))
	}))
	defer empty.Close()
	_, conn := connect(t, redshifttest.Options{S3Endpoint: empty.URL, S3Region: "us-east-1", S3AccessKey: "key", S3SecretKey: "secret"})
	exec(t, conn, strings.Split(fixture, ";")...)
	list, err := os.ReadFile("testdata/cases.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(strings.TrimSpace(string(list)), "\n")[1:] {
		cells := strings.Split(line, "\t")
		verdict, statement, reason := cells[0], cells[1], cells[2]
		problem := tried(t, conn, statement)
		switch verdict {
		case "reject":
			rejected(t, n+2, statement, reason, problem)
		case "accept":
			accepted(t, n+2, statement, problem)
		default:
			t.Errorf("line %d: verdict %q", n+2, verdict)
		}
	}
}

// outcome is the error with which a statement was refused, empty if it was accepted.
type outcome struct{ code, message string }

// tried runs a case and undoes what it made.
func tried(t *testing.T, conn *pgx.Conn, statement string) outcome {
	t.Helper()
	for begin, first := range before {
		if strings.HasPrefix(statement, begin) {
			exec(t, conn, first...)
		}
	}
	var o outcome
	_, err := conn.PgConn().Exec(t.Context(), statement).ReadAll()
	if p := problem(err); p != nil {
		o = outcome{p.Code, p.Message}
	} else if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if conn.PgConn().TxStatus() != 'I' {
		exec(t, conn, "ROLLBACK")
	}
	if o.code == "" && strings.HasPrefix(statement, "CREATE T") {
		exec(t, conn, "DROP TABLE x")
	}
	return o
}

// rejected checks the outcome of a case that Redshift refuses.
func rejected(t *testing.T, line int, statement, reason string, o outcome) {
	t.Helper()
	if o.code == "" {
		t.Errorf("line %d: %s was taken", line, statement)
		return
	}
	if code := recordedCode.FindString(reason); code != "" && o.code != code {
		t.Errorf("line %d: %s: SQLSTATE %s, recorded is %s", line, statement, o.code, code)
	}
	if m := quotedText.FindStringSubmatch(reason); m != nil {
		want := m[1]
		if other, ok := otherNames[want]; ok {
			want = other
		}
		if !strings.Contains(o.message, want) {
			t.Errorf("line %d: %s: %q, recorded is %q", line, statement, o.message, want)
		}
	}
}

// accepted checks the outcome of a case that Redshift accepts.
func accepted(t *testing.T, line int, statement string, o outcome) {
	t.Helper()
	for begin, says := range notTaken {
		if strings.HasPrefix(statement, begin) {
			if !strings.Contains(o.message, says) {
				t.Errorf("line %d: %s: %v, want %s", line, statement, o, says)
			}
			return
		}
	}
	if o.code != "" {
		t.Errorf("line %d: %s: %v", line, statement, o)
	}
}

// Before the error, INFO messages name what is on the leader node only, one message for
// each.
func TestLeaderOnly(t *testing.T) {
	s, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE t (id INT)")
	config, err := pgx.ParseConfig("postgres://dev:dev@" + s.Addr() + "/dev?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { told = append(told, n.Severity+" "+n.Message) }
	listening, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer listening.Close(t.Context())
	_, err = listening.PgConn().Exec(t.Context(), "SELECT now(), current_schema() FROM t").ReadAll()
	if code(err) != "0A000" {
		t.Errorf("%v", err)
	}
	if want := []string{`INFO Function "now()" not supported.`, `INFO Function "current_schema()" not supported.`}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	exec(t, conn, "SELECT now(), current_schema()")
}
