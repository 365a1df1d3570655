package redshifttest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5/pgproto3"
)

const version30 = pgproto3.ProtocolVersion30

// what the start-up message may contain.
func TestStartUp(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	tests := []struct {
		version    uint32
		parameters map[string]string
		refused    string
	}{
		{version: pgproto3.ProtocolVersion32, refused: "0A000 unsupported frontend protocol 3.2: server supports 1.0 to 3.0"},
		{parameters: map[string]string{"standard_conforming_strings": "on"}, refused: `42704 unrecognized configuration parameter "standard_conforming_strings"`},
		{parameters: map[string]string{"IntervalStyle": "iso_8601"}, refused: `42704 unrecognized configuration parameter "intervalstyle"`},
		{parameters: map[string]string{"replication": "database"}, refused: `42704 unrecognized configuration parameter "replication"`},
		{parameters: map[string]string{"extra_float_digits": "3"}, refused: `22023 3 is outside the valid range for parameter "extra_float_digits" (-15 .. 2)`},
		{parameters: map[string]string{"client_encoding": "LATIN1"}, refused: `22023 [stand-in] client_encoding "LATIN1": only UTF8 is served`},
		{parameters: map[string]string{"options": "-c geqo=off"}, refused: `42704 [stand-in] the setting "geqo" is not on the list`},
		{parameters: map[string]string{"options": "-d 5"}, refused: `0A000 [stand-in] start-up option "-d"`},
		{parameters: map[string]string{"TimeZone": "Nowhere"}, refused: `22023 invalid value for parameter "TimeZone": "Nowhere"`},
		{parameters: map[string]string{"options": "-c query_group=a --statement_timeout=0 -cdatestyle=ISO"}},
		{parameters: map[string]string{ // Redshift's own driver
			"client_encoding": "UTF8", "DateStyle": "ISO", "TimeZone": "UTC", "extra_float_digits": "2", "application_name": "a", "driver_version": "1",
			"os_version": "x", "plugin_name": "none", "_pq_.compression": "off", "client_protocol_version": "2",
			"idp_type": "none", "provider_name": "x", "token_type": "x",
		}},
		{parameters: map[string]string{"client_encoding": "UTF8", "datestyle": "ISO, MDY", "extra_float_digits": "2"}}, // lib/pq
	}
	for _, test := range tests {
		if test.version == 0 {
			test.version = version30
		}
		_, refused := c.raw(test.version, test.parameters)
		got := ""
		if refused != nil {
			got = refused.Code + " " + refused.Message
			if refused.Severity != "FATAL" {
				t.Errorf("%v: severity %s", test.parameters, refused.Severity)
			}
		}
		if got != test.refused {
			t.Errorf("%v:\n got %q\nwant %q", test.parameters, got, test.refused)
		}
	}
}

// which settings are reported.
func TestParameterStatus(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	plain, _ := c.raw(version30, nil)
	want := map[string]string{
		"server_version": "8.0.2", "client_encoding": "UNICODE", "DateStyle": "ISO, MDY", "integer_datetimes": "on", "TimeZone": "UTC",
		"is_superuser": "on", "session_authorization": "dev",
	}
	if !maps.Equal(plain.statuses, want) {
		t.Errorf("%v", plain.statuses)
	}
	asked, _ := c.raw(version30, map[string]string{"client_encoding": "utf8", "TimeZone": "Asia/Tokyo"})
	if asked.statuses["client_encoding"] != "UTF8" || asked.statuses["TimeZone"] != "Asia/Tokyo" {
		t.Errorf("%v", asked.statuses)
	}
	got := asked.talk("ready I", &pgproto3.Query{String: "SET timezone TO 'UTC'"})
	if !slices.Equal(got, []string{"SET", "TimeZone=UTC", "ready I"}) {
		t.Errorf("%q", got)
	}
}

// OIDs are Redshift's.
func TestTypesOfColumns(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	r, _ := c.raw(version30, nil)
	r.talk("ready I", &pgproto3.Query{String: `CREATE TABLE t (i2 SMALLINT, i4 INT, i8 BIGINT, f REAL, d DOUBLE PRECISION, n DECIMAL(20,2), b BOOLEAN,
		v VARCHAR(10), dt DATE, ts TIMESTAMP, tz TIMESTAMPTZ, s SUPER, vb VARBYTE)`})
	got := r.talk("ready I", &pgproto3.Parse{Query: "SELECT * FROM t WHERE i4 = $1 AND v = $2"}, &pgproto3.Describe{ObjectType: 'S'}, &pgproto3.Sync{})
	want := []string{"ParseComplete", "parameters [23 1043]",
		"columns i2:21:0 i4:23:0 i8:20:0 f:700:0 d:701:0 n:1700:0 b:16:0 v:1043:0 dt:1082:0 ts:1114:0 tz:1184:0 s:4000:0 vb:6551:0", "ready I"}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

// only values that have one binary form on both sides are sent in binary.
func TestBinary(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	r, _ := c.raw(version30, nil)
	r.talk("ready I", &pgproto3.Query{String: "CREATE TABLE t (i2 SMALLINT, i4 INT, i8 BIGINT, b BOOLEAN, n DECIMAL(5,2), ts TIMESTAMP)"})
	r.talk("ready I", &pgproto3.Query{String: "INSERT INTO t VALUES (-2, 4, -8, TRUE, 1.5, '2026-01-02 03:04:05')"})
	run := func(query string, results []int16, formats []int16, values ...[]byte) []string {
		return r.talk("ready I", &pgproto3.Parse{Query: query}, &pgproto3.Bind{Parameters: values, ParameterFormatCodes: formats, ResultFormatCodes: results},
			&pgproto3.Execute{}, &pgproto3.Sync{})
	}
	got := run("SELECT i2, i4, i8, b, n FROM t WHERE i4 = $1", []int16{1, 1, 1, 1, 0}, []int16{1}, []byte{0, 0, 0, 4})
	if !slices.Contains(got, `row ["\xff\xfe" "\x00\x00\x00\x04" "\xff\xff\xff\xff\xff\xff\xff\xf8" "\x01" "1.50"]`) {
		t.Errorf("%q", got)
	}
	for _, refused := range [][]string{
		run("SELECT n FROM t", []int16{1}, nil), run("SELECT ts FROM t", []int16{1}, nil),
		run("SELECT i4 FROM t WHERE n = $1", nil, []int16{1}, []byte{0, 0, 0, 4}),
	} {
		if !strings.Contains(strings.Join(refused, " "), "0A000 [stand-in]") {
			t.Errorf("%q", refused)
		}
	}
}

// prepared statements, and what comes after an error up to Sync.
func TestPreparedStatements(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	r, _ := c.raw(version30, nil)
	steps := []struct {
		messages []pgproto3.FrontendMessage
		want     string
	}{
		{[]pgproto3.FrontendMessage{&pgproto3.Parse{Name: "a", Query: "SELECT $1::INT + 1"}}, "ParseComplete"},
		{[]pgproto3.FrontendMessage{&pgproto3.Parse{Name: "a", Query: "SELECT 1"}}, `ERROR 42P05 prepared statement "a" already exists`},
		{[]pgproto3.FrontendMessage{&pgproto3.Bind{PreparedStatement: "b"}, &pgproto3.Execute{}}, `ERROR 26000 prepared statement "b" does not exist`},
		{[]pgproto3.FrontendMessage{&pgproto3.Parse{Query: "SELECT 1; SELECT 2"}}, "ERROR 42601 cannot insert multiple commands into a prepared statement"},
		{[]pgproto3.FrontendMessage{&pgproto3.Parse{Query: "SELECT 1 FOR UPDATE"}}, `ERROR 42601 syntax error at or near "FOR"`},
		{[]pgproto3.FrontendMessage{&pgproto3.Parse{Query: ""}, &pgproto3.Bind{}, &pgproto3.Execute{}}, "ParseComplete BindComplete EmptyQueryResponse"},
		{[]pgproto3.FrontendMessage{&pgproto3.FunctionCall{Function: 1}}, "ERROR 0A000 [stand-in] message *pgproto3.FunctionCall"},
		{[]pgproto3.FrontendMessage{&pgproto3.Bind{PreparedStatement: "a", Parameters: [][]byte{[]byte("41")}}, &pgproto3.Execute{}}, `BindComplete row ["42"] SELECT`},
		{[]pgproto3.FrontendMessage{&pgproto3.Close{ObjectType: 'S', Name: "a"}}, "CloseComplete"},
		{[]pgproto3.FrontendMessage{&pgproto3.Describe{ObjectType: 'S', Name: "a"}}, `ERROR 26000 prepared statement "a" does not exist`},
	}
	for _, s := range steps {
		got := strings.Join(r.talk("ready I", append(s.messages, &pgproto3.Sync{})...), " ")
		if got != s.want+" ready I" {
			t.Errorf("\n got %q\nwant %q", got, s.want)
		}
	}
}

// portals with a limit, which end with the transaction.
func TestPortals(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	r, _ := c.raw(version30, nil)
	r.talk("ready I", &pgproto3.Query{String: "CREATE TABLE t (id INT)"})
	r.talk("ready I", &pgproto3.Query{String: "INSERT INTO t VALUES (1), (2), (3)"})
	r.talk("ready T", &pgproto3.Query{String: "BEGIN"})
	got := r.talk("ready T", &pgproto3.Parse{Query: "SELECT id FROM t ORDER BY id"}, &pgproto3.Bind{DestinationPortal: "p"},
		&pgproto3.Describe{ObjectType: 'P', Name: "p"}, &pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Sync{})
	want := []string{"ParseComplete", "BindComplete", "columns id:23:0", `row ["1"]`, `row ["2"]`, "PortalSuspended", "ready T"}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	got = r.talk("ready T", &pgproto3.Execute{Portal: "p", MaxRows: 2}, &pgproto3.Sync{})
	if !slices.Equal(got, []string{`row ["3"]`, "SELECT", "ready T"}) {
		t.Errorf("%q", got)
	}
	r.talk("ready I", &pgproto3.Query{String: "COMMIT"})
	got = r.talk("ready I", &pgproto3.Execute{Portal: "p"}, &pgproto3.Sync{})
	if got[0] != `ERROR 34000 portal "p" does not exist` {
		t.Errorf("%q", got)
	}
	r.talk("ready T", &pgproto3.Query{String: "BEGIN"})
	got = r.talk("ready E", &pgproto3.Parse{Query: "SELECT 1"}, &pgproto3.Bind{DestinationPortal: "p"}, &pgproto3.Bind{DestinationPortal: "p"}, &pgproto3.Sync{})
	if got[len(got)-2] != `ERROR 42P03 portal "p" already exists` {
		t.Errorf("%q", got)
	}
}

// the statements up to Sync are one transaction.
func TestAPipelineIsOneTransaction(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	r, _ := c.raw(version30, nil)
	r.talk("ready I", &pgproto3.Query{String: "CREATE TABLE t (id INT)"})
	statement := func(sql string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{&pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{}}
	}
	all := slices.Concat(statement("INSERT INTO t VALUES (1)"), statement("SELECT id FROM missing"), statement("INSERT INTO t VALUES (2)"))
	r.talk("ready I", append(all, &pgproto3.Sync{})...)
	if got := r.talk("ready I", &pgproto3.Query{String: "SELECT COUNT(*) FROM t"}); got[1] != `row ["0"]` {
		t.Errorf("%q", got)
	}
	all = slices.Concat(statement("INSERT INTO t VALUES (1)"), statement("INSERT INTO t VALUES (2)"))
	r.talk("ready I", append(all, &pgproto3.Sync{})...)
	if got := r.talk("ready I", &pgproto3.Query{String: "SELECT COUNT(*) FROM t"}); got[1] != `row ["2"]` {
		t.Errorf("%q", got)
	}
}

// limits.
func TestLimitsOfSize(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	r, _ := c.raw(version30, nil)
	long := "SELECT 1 --" + strings.Repeat("x", 16<<20)
	const refused = "ERROR 54001 Statement is too large. Statement Size: 16777227 bytes. Maximum Allowed: 16777216 bytes"
	if got := r.talk("ready I", &pgproto3.Query{String: long}); got[0] != refused {
		t.Errorf("%q", got)
	}
	if got := r.talk("ready I", &pgproto3.Parse{Query: long}, &pgproto3.Sync{}); got[0] != refused {
		t.Errorf("%q", got)
	}
	if got := r.talk("ready I", &pgproto3.Query{String: long[:16<<20]}); got[1] != `row ["1"]` {
		t.Errorf("%.100q", got)
	}
	values := make([][]byte, 32768)
	got := r.talk("ready I", &pgproto3.Parse{Query: "SELECT 1"}, &pgproto3.Bind{Parameters: values}, &pgproto3.Sync{})
	if got[1] != "ERROR 0A000 [stand-in] 32768 values: at most 32767 can be bound" {
		t.Errorf("%q", got)
	}
}

// the fields of an error.
func TestErrorsNameTheSource(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	r, _ := c.raw(version30, nil)
	r.send(&pgproto3.Query{String: "SELECT id FROM missing"})
	m, ok := r.receive().(*pgproto3.ErrorResponse)
	if !ok || m.Severity != "ERROR" || m.SeverityUnlocalized != "" || m.Code != "42P01" || m.File == "" || m.Line == 0 || m.Routine == "" || m.SchemaName != "" {
		t.Errorf("%+v", m)
	}
}
