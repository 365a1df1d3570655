package redshifttest_test

import (
	"strings"
	"testing"

	"rowshift/test/pgtest"
	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
)

// dialAs connects as a user whose password is the user's name.
func dialAs(t *testing.T, s *redshifttest.Server, user string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig("postgres://" + user + ":" + user + "@" + s.Addr() + "/dev?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

// refused runs statements that must be refused with an SQLSTATE.
func refused(t *testing.T, conn *pgx.Conn, wanted string, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); code(err) != wanted {
			t.Errorf("%s: %v, want %s", s, err, wanted)
		}
	}
}

// what was not granted is refused, and what was granted is not.
func TestRightsAreEnforced(t *testing.T) {
	postgres := pgtest.Start(t, pgtest.Options{Least: redshifttest.BackingMajor}).DSN("postgres") // a server of its own, since groups do not belong to a database
	s, dev := connect(t, redshifttest.Options{Postgres: postgres, Users: map[string]string{"dev": "dev", "ann": "ann"}})
	exec(t, dev, "CREATE TABLE t (id INT, v VARCHAR(10))", "CREATE SCHEMA s", "CREATE TABLE s.u (id INT)", "CREATE GROUP g WITH USER ann")
	ann := dialAs(t, s, "ann")
	exec(t, dev, "CREATE ROLE inner_circle", "CREATE ROLE outer_circle", "GRANT ROLE inner_circle TO ROLE outer_circle")
	for _, test := range []struct {
		grant      string
		ann, shown int64
	}{{"", 0, 2}, {"GRANT ROLE inner_circle TO ann", 1, 2}, {"GRANT ROLE outer_circle TO ann", 2, 2}} {
		if test.grant != "" {
			exec(t, dev, test.grant)
		}
		const roles = "SELECT COUNT(*) FROM svv_roles WHERE role_name LIKE '%_circle'"
		if a, d := one[int64](t, ann, roles), one[int64](t, dev, roles); a != test.ann || d != test.shown {
			t.Errorf("after %q ann sees %d roles, dev %d", test.grant, a, d)
		}
	}
	refused(t, ann, "42501", "SELECT id FROM t", "INSERT INTO t VALUES (1, 'a')", "UPDATE t SET id = 1", "DELETE FROM t", "SELECT id FROM s.u", "TRUNCATE t",
		"DROP TABLE t", "ALTER TABLE t ADD COLUMN x INT", "ALTER TABLE t ADD UNIQUE (id)", "ALTER TABLE t ALTER SORTKEY (id)", "ALTER TABLE t RENAME TO x",
		"GRANT SELECT ON t TO ann", "GRANT DROP ON t TO ann", "VACUUM t", "ANALYZE t", "CREATE USER x PASSWORD 'Secret123'", "CREATE GROUP x", "CREATE TABLE s.v (id INT)",
		"GRANT ASSUMEROLE ON ALL TO ann FOR ALL", "CREATE DATABASE x", "COMMENT ON TABLE t IS 'x'")
	exec(t, dev, "GRANT SELECT (id) ON t TO ann")
	exec(t, ann, "SELECT id FROM t")
	refused(t, ann, "42501", "SELECT v FROM t")
	exec(t, dev, "GRANT SELECT, INSERT ON t TO GROUP g", "GRANT USAGE ON SCHEMA s TO ann", "GRANT SELECT ON ALL TABLES IN SCHEMA s TO PUBLIC")
	exec(t, ann, "INSERT INTO t SELECT id, 'x' FROM s.u", "SELECT v FROM t")
	exec(t, dev, "ALTER GROUP g DROP USER ann")
	refused(t, ann, "42501", "SELECT v FROM t")
	exec(t, dev, "GRANT ALTER ON t TO ann")
	exec(t, ann, "ALTER TABLE t ADD COLUMN x INT", "ALTER TABLE t ALTER SORTKEY (id)")
	refused(t, ann, "42501", "DROP TABLE t")
	exec(t, dev, "GRANT DROP ON t TO ann")
	exec(t, ann, "DROP TABLE t")
	exec(t, dev, "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO ann", "CREATE TABLE s.later (id INT)")
	exec(t, ann, "SELECT id FROM s.later", "CREATE TABLE own (id INT)", "ALTER TABLE own ADD COLUMN v INT", "VACUUM own", "DROP TABLE own")
	refused(t, ann, "42501", "ALTER TABLE s.later OWNER TO ann")
	exec(t, dev, "CREATE USER eve PASSWORD DISABLE", "CREATE TABLE left_over (id INT)", "GRANT DROP ON left_over TO eve", "DROP USER eve", "CREATE USER eve PASSWORD DISABLE")
	var rights int
	if err := dev.QueryRow(t.Context(), "SELECT COUNT(*) FROM svv_relation_privileges WHERE identity_name = 'eve'").Scan(&rights); err != nil || rights != 0 {
		t.Errorf("a new user has %d rights of an old one, %v", rights, err)
	}
}

// a user who may not assume a role cannot COPY with it.
func TestAssumeRole(t *testing.T) {
	s, dev := connect(t, redshifttest.Options{Users: map[string]string{"dev": "dev", "ann": "ann"}})
	ann := dialAs(t, s, "ann")
	exec(t, dev, "CREATE TABLE t (id INT)", "GRANT INSERT, SELECT ON t TO ann", "REVOKE ASSUMEROLE ON ALL FROM PUBLIC FOR ALL")
	load := func() error {
		_, err := ann.Exec(t.Context(), "COPY t FROM 's3://none/manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/copy' FORMAT AS CSV MANIFEST")
		return err
	}
	if err := load(); err == nil || !strings.Contains(err.Error(), "is not authorized to assume IAM Role") {
		t.Errorf("after REVOKE: %v", err)
	}
	for _, of := range []string{"ON 'arn:aws:iam::123456789012:role/copy' TO ann FOR UNLOAD", "ON 'arn:aws:iam::123456789012:role/other' TO ann FOR COPY"} {
		exec(t, dev, "GRANT ASSUMEROLE "+of)
		if err := load(); err == nil || !strings.Contains(err.Error(), "is not authorized to assume IAM Role") {
			t.Errorf("%s: %v", of, err)
		}
	}
	exec(t, dev, "CREATE GROUP loaders WITH USER ann", "GRANT ASSUMEROLE ON 'arn:aws:iam::123456789012:role/copy' TO GROUP loaders FOR COPY")
	if err := load(); err == nil || strings.Contains(err.Error(), "is not authorized") {
		t.Errorf("after GRANT: %v", err)
	}
}

// reading a view needs a right to the view; what it reads is read with its owner's
// rights.
func TestViewsReadAsTheirOwner(t *testing.T) {
	s, dev := connect(t, redshifttest.Options{Users: map[string]string{"dev": "dev", "ann": "ann", "bob": "bob"}})
	exec(t, dev, "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (7)", "CREATE VIEW late AS SELECT id FROM public.t WITH NO SCHEMA BINDING", "CREATE VIEW bound AS SELECT id FROM t")
	ann, bob := dialAs(t, s, "ann"), dialAs(t, s, "bob")
	refused(t, ann, "42501", "SELECT id FROM late", "SELECT id FROM bound", "SELECT id FROM t")
	exec(t, dev, "GRANT SELECT ON late, bound TO ann")
	for _, view := range []string{"late", "bound"} {
		var id int
		if err := ann.QueryRow(t.Context(), "SELECT id FROM "+view).Scan(&id); err != nil || id != 7 {
			t.Errorf("%s: %d, %v", view, id, err)
		}
	}
	exec(t, ann, "CREATE VIEW blind AS SELECT id FROM public.t WITH NO SCHEMA BINDING", "GRANT SELECT ON blind TO bob", "GRANT SELECT ON blind TO dev")
	refused(t, bob, "42501", "SELECT id FROM blind")
	refused(t, ann, "42501", "SELECT id FROM blind")
	exec(t, dev, "GRANT SELECT ON t TO ann")
	exec(t, bob, "SELECT id FROM blind")
	refused(t, bob, "42501", "DROP VIEW late", "CREATE OR REPLACE VIEW late AS SELECT 1 AS id WITH NO SCHEMA BINDING")
}

// A statement that names a view which is bound late is described the way it runs.
func TestLateViewsByTheExtendedProtocol(t *testing.T) {
	_, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE t (id INT, v VARCHAR(10))", "INSERT INTO t VALUES (1, 'a')", "CREATE VIEW late AS SELECT * FROM public.t WITH NO SCHEMA BINDING")
	for range 2 {
		described, err := conn.PgConn().Prepare(t.Context(), "", "SELECT * FROM late WHERE id = $1", nil)
		if err != nil || len(described.Fields) != 2 || described.Fields[1].Name != "v" {
			t.Fatalf("%+v, %v", described, err)
		}
		read := conn.PgConn().ExecParams(t.Context(), "SELECT * FROM late WHERE id = $1", [][]byte{[]byte("1")}, nil, nil, nil).Read()
		if read.Err != nil || len(read.Rows) != 1 || string(read.Rows[0][1]) != "a" {
			t.Errorf("%q, %v", read.Rows, read.Err)
		}
	}
	if status := conn.PgConn().TxStatus(); status != 'I' {
		t.Errorf("status %c", status)
	}
}
