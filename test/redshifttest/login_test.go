package redshifttest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
)

// logins that are refused.
func TestLogin(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	refused := func(config *pgx.ConnConfig) string {
		t.Helper()
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err == nil {
			_ = conn.Close(t.Context())
			return "taken"
		}
		return code(err)
	}
	if got := refused(c.config("dev", "wrong")); got != "28000" {
		t.Errorf("a wrong password: %s", got)
	}
	if got := refused(c.config("nobody", "")); got != "28000" {
		t.Errorf("an unknown user: %s", got)
	}
	if err := c.SetUser(t.Context(), "Kept", "kept"); err != nil {
		t.Fatal(err)
	}
	if got := refused(c.config("kept", "kept")) + " " + refused(c.config("Kept", "kept")); got != "28000 taken" {
		t.Errorf("a user whose name has a capital, without and with it: %s", got)
	}
	for _, database := range []string{"nowhere", "postgres"} {
		elsewhere := c.config("dev", "dev")
		elsewhere.Database = database
		if got := refused(elsewhere); got != "3D000" {
			t.Errorf("database %s: %s", database, got)
		}
	}
	open := c.connect(c.config("ann", "ann"))
	if err := c.SetUser(t.Context(), "ann", "other"); err != nil {
		t.Fatal(err)
	}
	if got := refused(c.config("ann", "ann")); got != "28000" {
		t.Errorf("an old password: %s", got)
	}
	if got := refused(c.config("ann", "other")); got != "taken" {
		t.Errorf("a new password: %s", got)
	}
	if who := one[string](t, open, "SELECT CURRENT_USER"); who != "ann" {
		t.Errorf("an open session is %q's", who)
	}
	exec(t, open, "CREATE SCHEMA own")
}

// authority is a certificate authority of the test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the test's CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// server returns a server's TLS configuration, with a certificate for a name.
func (a *authority) server(t *testing.T, name string, until time.Time) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

const host = "cluster.redshift.test"

// overTLS returns how a client connects that verifies the certificate in full.
func (c *cluster) overTLS(user, password string, roots *x509.CertPool) *pgx.ConnConfig {
	config := c.config(user, password)
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: host}
	return config
}

// certificates are verified, and TLS can be demanded.
func TestTLS(t *testing.T) {
	own, foreign := newAuthority(t), newAuthority(t)
	future := time.Now().Add(time.Hour)
	tests := []struct {
		name    string
		server  *tls.Config
		refused string
	}{
		{"good", own.server(t, host, future), ""},
		{"another host", own.server(t, "elsewhere.test", future), "certificate is valid for elsewhere.test"},
		{"unknown authority", foreign.server(t, host, future), "unknown authority"},
		{"expired", own.server(t, host, time.Now().Add(-time.Hour)), "expired"},
	}
	for _, test := range tests {
		c := newCluster(t, redshifttest.Options{TLS: test.server, RequireTLS: true})
		conn, err := pgx.ConnectConfig(t.Context(), c.overTLS("dev", "dev", own.pool()))
		switch {
		case err == nil && test.refused == "":
			_ = one[int](t, conn, "SELECT 1")
			_ = conn.Close(t.Context())
		case err == nil, test.refused == "", !strings.Contains(err.Error(), test.refused):
			t.Errorf("%s: %v", test.name, err)
		}
		_, err = pgx.ConnectConfig(t.Context(), c.config("dev", "dev"))
		if code(err) != "28000" || !strings.Contains(err.Error(), "no pg_hba.conf entry for host") {
			t.Errorf("without TLS: %v", err)
		}
	}
}

// temporary passwords of IAM.
func TestTemporaryPasswords(t *testing.T) {
	ca := newAuthority(t)
	c := newCluster(t, redshifttest.Options{TLS: ca.server(t, host, time.Now().Add(time.Hour))})
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	c.SetCredential("IAM:ann", "temporary", soon)
	c.SetCredential("IAM:bob", "temporary", past)
	c.SetCredential("IAM:nobody", "temporary", soon)
	c.SetCredential("IAMA:auto"+c.database, "temporary", soon)
	tests := []struct{ user, password, who string }{
		{"IAM:ann", "temporary", "ann"}, {"IAMA:auto" + c.database, "temporary", "auto" + c.database},
		{"iam:ann", "temporary", ""}, {"ann", "temporary", ""}, {"IAM:ann", "ann", ""}, {"IAM:bob", "temporary", ""},
		{"IAM:nobody", "temporary", ""}, {"IAMA:ann", "", ""}, {"bob", "bob", "bob"},
	}
	for _, test := range tests {
		conn, err := pgx.ConnectConfig(t.Context(), c.overTLS(test.user, test.password, ca.pool()))
		switch {
		case err != nil && (test.who != "" || code(err) != "28000"):
			t.Errorf("%s: %v", test.user, err)
		case err == nil && test.who == "":
			t.Errorf("%s with %q was let in", test.user, test.password)
		case err == nil:
			if who := one[string](t, conn, "SELECT CURRENT_USER"); who != test.who {
				t.Errorf("%s is %s", test.user, who)
			}
		}
		if conn != nil {
			_ = conn.Close(t.Context())
		}
	}
	if _, err := pgx.ConnectConfig(t.Context(), c.config("IAM:ann", "temporary")); code(err) != "28000" {
		t.Errorf("without TLS: %v", err)
	}
}

// pgx works in all its modes.
func TestPgx(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	conn := c.dial()
	exec(t, conn, "CREATE TABLE t (id INT, v VARCHAR(10), n DECIMAL(5,2))")
	for n, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeCacheStatement} {
		config := c.config("dev", "dev")
		config.DefaultQueryExecMode = mode
		conn := c.connect(config)
		for range 2 {
			tag, err := conn.Exec(t.Context(), "INSERT INTO t VALUES ($1, $2)", n, "x")
			if err != nil || tag.RowsAffected() != 1 {
				t.Errorf("%v: %v, %v", mode, tag, err)
			}
		}
		var count, id int
		var v string
		if err := conn.QueryRow(t.Context(), "SELECT id, v, 2 FROM t WHERE id = $1", n).Scan(&id, &v, &count); err != nil || id != n || v != "x" {
			t.Errorf("%v: %d, %q, %v", mode, id, v, err)
		}
		if _, err := conn.Exec(t.Context(), "SELECT id FROM missing WHERE id = $1", 1); code(err) != "42P01" {
			t.Errorf("%v: %v", mode, err)
		}
		if err := conn.QueryRow(t.Context(), "SELECT id FROM t WHERE id = $1", n).Scan(&id); err != nil {
			t.Errorf("%v: after an error: %v", mode, err)
		}
	}
	_, err := conn.Exec(t.Context(), "SELECT id FROM t WHERE id = $1", pgx.QueryExecModeSimpleProtocol, 1)
	if err == nil || !strings.Contains(err.Error(), "standard_conforming_strings") {
		t.Errorf("the simple protocol with arguments: %v", err)
	}
}

// psql.
func TestPsqlWorks(t *testing.T) {
	psql, err := osexec.LookPath("psql")
	if err != nil {
		t.Skip("there is no psql")
	}
	c := newCluster(t, redshifttest.Options{})
	address, port, _ := strings.Cut(c.Addr(), ":")
	command := osexec.CommandContext(t.Context(), psql, "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", address, "-p", port, "-U", "dev", c.database)
	command.Env = append(os.Environ(), "PGPASSWORD=dev")
	command.Stdin = strings.NewReader("CREATE TABLE t (v VARCHAR(10));\nBEGIN; INSERT INTO t VALUES ('a\\tb');\nCOMMIT;\nSELECT v FROM t;\n\\echo done\n")
	out, err := command.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "a\tb\ndone\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// wrong passwords lock a user.
func TestLockout(t *testing.T) {
	ca := newAuthority(t)
	c := newCluster(t, redshifttest.Options{TLS: ca.server(t, host, time.Now().Add(time.Hour))})
	login := func(user, password, want string) {
		t.Helper()
		conn, err := pgx.ConnectConfig(t.Context(), c.overTLS(user, password, ca.pool()))
		if err == nil {
			_ = conn.Close(t.Context())
		}
		if err == nil != (want == "") || err != nil && (code(err) != "28000" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", user, err, want)
		}
	}
	const wrong, locked = "password authentication failed", "[stand-in] user \"ann\" is locked"
	for range 4 {
		login("ann", "wrong", wrong)
	}
	login("ann", "ann", "")
	for range 5 {
		login("ann", "wrong", wrong)
		login("dev", "wrong", wrong)
	}
	login("dev", "dev", "")
	login("bob", "bob", "")
	login("ann", "ann", locked)
	if n := c.FailedLogins("ann"); n != 5 {
		t.Errorf("%d in a row", n)
	}
	c.SetCredential("IAM:ann", "temporary", time.Now().Add(time.Hour))
	login("IAM:ann", "temporary", "")
	conn := c.connect(c.overTLS("dev", "dev", ca.pool()))
	exec(t, conn, "ALTER USER ann PASSWORD 'Secret123'") // which does not unlock, as far as the documentation says
	login("ann", "Secret123", locked)
	if err := c.statement(c.connect(c.overTLS("bob", "bob", ca.pool())), "ALTER USER ann LOGIN PASSWORD 'Secret124'"); code(err) != "42501" {
		t.Errorf("unlocked by another user: %v", err)
	}
	exec(t, conn, "ALTER USER ann LOGIN PASSWORD 'Secret124'")
	login("ann", "Secret124", "")
}

// settings with which a user's sessions begin.
func TestSettingsOfAUser(t *testing.T) {
	c := newCluster(t, redshifttest.Options{Users: map[string]string{"dev": "dev", "slow": "slow"}})
	admin := c.dial()
	for _, set := range []string{"statement_timeout TO 1000", "datestyle TO 'SQL, DMY'", "timezone TO 'America/New_York'", "query_group TO 'theirs'", "enable_case_sensitive_identifier TO on"} {
		exec(t, admin, "ALTER USER slow SET "+set)
	}
	want := func(conn *pgx.Conn, values ...string) {
		t.Helper()
		for i, name := range []string{"statement_timeout", "datestyle", "timezone", "query_group"} {
			if got := one[string](t, conn, "SHOW "+name); got != values[i] {
				t.Errorf("%s is %q, want %q", name, got, values[i])
			}
		}
	}
	conn := c.connect(c.config("slow", "slow"))
	want(conn, "1s", "SQL, DMY", "America/New_York", "theirs")
	if got := conn.PgConn().ParameterStatus("TimeZone"); got != "America/New_York" {
		t.Errorf("told of %q", got)
	}
	if got := one[string](t, conn, `SELECT "A" FROM (SELECT 'kept' AS "A") AS t`); got != "kept" {
		t.Error(got)
	}
	exec(t, conn, "SET datestyle TO 'ISO, MDY'")
	want(conn, "1s", "ISO, MDY", "America/New_York", "theirs")
	config := c.config("slow", "slow")
	config.RuntimeParams["timezone"], config.RuntimeParams["statement_timeout"] = "Asia/Tokyo", "0"
	want(c.connect(config), "0", "SQL, DMY", "Asia/Tokyo", "theirs")
	for _, name := range []string{"statement_timeout", "datestyle", "timezone", "query_group", "enable_case_sensitive_identifier"} {
		exec(t, admin, "ALTER USER slow RESET "+name)
	}
	want(c.connect(c.config("slow", "slow")), "0", "ISO, MDY", "UTC", "default")
	for statement, want := range map[string]string{"ALTER USER slow SET datestyle TO 'Klingon'": "22023", "SET datestyle TO 'SQL'": "22023"} {
		if _, err := admin.Exec(t.Context(), statement); code(err) != want {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
