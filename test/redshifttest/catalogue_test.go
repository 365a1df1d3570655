package redshifttest_test

import (
	"net"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"rowshift/test/redshifttest"
)

// psql runs commands by psql against a stand-in and returns what psql prints. It skips
// the test on a machine without psql.
func psql(t *testing.T, s *redshifttest.Server, commands ...string) string {
	t.Helper()
	binary, err := osexec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{"-X", "-h", host, "-p", port, "-U", "dev", "-d", "dev", "-v", "ON_ERROR_STOP=1"}
	for _, c := range commands {
		arguments = append(arguments, "-c", c)
	}
	command := osexec.CommandContext(t.Context(), binary, arguments...)
	command.Env = append(os.Environ(), "PGPASSWORD=dev", "PGSSLMODE=disable")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v\n%s", commands, err, out)
	}
	return string(out)
}

// psql's commands for people show what there is.
func TestPsql(t *testing.T) {
	s, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE orders (id INT NOT NULL, v VARCHAR(10) DEFAULT 'x', j SUPER, y VARBYTE(5))", "CREATE VIEW recent AS SELECT id FROM orders", "CREATE GROUP g", "CREATE SCHEMA sales")
	for _, test := range []struct{ command, has string }{
		{`\d`, "public | orders | table | dev"},
		{`\dt`, "public | orders | table | dev"},
		{`\dt+`, "permanent"},
		{`\dv`, "public | recent | view | dev"},
		{`\d orders`, "v      | character varying(10) |           |          | 'x'::character varying"},
		{`\d orders`, "j      | super"},
		{`\d orders`, "y      | binary varying(5)"},
		{`\d+ orders`, "not null"},
		{`\d recent`, "id     | integer"},
		{`\d+ recent`, "View definition"},
		{`\dn`, "sales  | dev"},
		{`\dn+`, "sales"},
		{`\du`, "dev"},
		{`\l`, "dev"},
		{`\dp`, "orders"},
		{`\df`, "(0 rows)"},
		{`\dT`, "(0 rows)"},
		{`\conninfo`, `You are connected to database "dev" as user "dev"`},
		{`SELECT 1 AS one`, "1"},
	} {
		if out := psql(t, s, test.command); !strings.Contains(out, test.has) {
			t.Errorf("%s has not %q:\n%s", test.command, test.has, out)
		}
	}
	if out := psql(t, s, `\timing`, "SELECT COUNT(*) FROM orders"); !strings.Contains(out, "Time: ") {
		t.Errorf("no time:\n%s", out)
	}
}

// metadata are queries like those that the JDBC driver, the ODBC driver and BI tools send
// when they connect and list what there is.
var metadata = []struct{ query, has string }{
	{"SELECT 1", "1"},
	{"SELECT version()", "Redshift 1.0"},
	{"SELECT current_database(), current_schema()", "dev|public"},
	{"SELECT setting FROM pg_catalog.pg_settings WHERE name='max_index_keys'", "32"},
	{"SELECT CAST(database_name AS varchar(124)) AS TABLE_CAT FROM PG_CATALOG.SVV_REDSHIFT_DATABASES ORDER BY TABLE_CAT", "dev"},
	{"SELECT nspname AS TABLE_SCHEM, current_database() AS TABLE_CATALOG FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1]) ORDER BY TABLE_SCHEM", "public|dev"},
	{"SELECT CAST(schema_name AS varchar(124)) AS TABLE_SCHEM FROM PG_CATALOG.SVV_ALL_SCHEMAS WHERE TRUE AND schema_name LIKE 'pub%' ORDER BY 1", "public"},
	{"SELECT n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN 'SYSTEM TABLE' WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS, '' as TYPE_CAT FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0) LEFT JOIN pg_catalog.pg_class dc ON (d.classoid=dc.oid AND dc.relname='pg_class') WHERE c.relnamespace = n.oid AND n.nspname = 'public' ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME", "public|orders|TABLE||"},
	{"SELECT * FROM (SELECT CAST(current_database() AS VARCHAR(124)) AS TABLE_CAT, table_schema AS TABLE_SCHEM, table_name AS TABLE_NAME, CAST(CASE table_type WHEN 'BASE TABLE' THEN CASE WHEN table_schema ~ '^pg_' AND table_schema != 'pg_toast' THEN 'TEMPORARY TABLE' ELSE 'TABLE' END WHEN 'VIEW' THEN 'VIEW' END AS VARCHAR(124)) AS TABLE_TYPE, REMARKS FROM svv_tables) WHERE true AND TABLE_SCHEM LIKE 'public' ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME", "dev|public|orders|TABLE|"},
	{"SELECT current_database()::varchar(128) AS TABLE_CAT, table_schema, table_name, column_name, CAST(CASE data_type WHEN 'character varying' THEN 12 WHEN 'super' THEN -16 ELSE 4 END AS SMALLINT) AS DATA_TYPE, CASE is_nullable WHEN 'YES' THEN 1 WHEN 'NO' THEN 0 ELSE 2 END AS NULLABLE FROM svv_columns WHERE true AND table_name LIKE 'orders' ORDER BY ordinal_position", "dev|public|orders|id|4|0"},
	{"SELECT a.attname, CASE WHEN left(pg_catalog.pg_get_expr(def.adbin, def.adrelid), 16) = 'default_identity' THEN 'YES' ELSE 'NO' END AS IS_AUTOINCREMENT, IS_AUTOINCREMENT AS IS_GENERATEDCOLUMN, CASE typname WHEN 'varchar' THEN (atttypmod - 4) & 65535 WHEN 'numeric' then (atttypmod - 4) >> 16 END FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid) JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum) WHERE c.relname = 'orders' AND a.attnum = 2", "v|NO|NO|10"},
	{"SELECT isnull(nullif(regexp_substr (columntype,'[0-9]+',7),''),'0')::INTEGER, columntype_rep FROM (select lbv_cols.columnname, REGEXP_REPLACE(REGEXP_REPLACE(lbv_cols.columntype,'\\\\(.*\\\\)'),'^_.+','ARRAY') as columntype_rep, columntype from pg_get_late_binding_view_cols() lbv_cols( schemaname name, tablename name, columnname name, columntype text, columnnum int)) lbv_columns WHERE columnname = 'v'", "10|character varying"},
	{"SELECT a.attname, a.atttypid, t.typname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON a.attrelid = c.oid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE c.relname = 'orders' AND a.attnum > 2 AND NOT a.attisdropped ORDER BY a.attnum", "j|4000|super"},
	{"SELECT ct.relname, a.attname FROM pg_catalog.pg_namespace n, pg_catalog.pg_class ct, pg_catalog.pg_class ci, pg_catalog.pg_attribute a, pg_catalog.pg_index i WHERE ct.oid=i.indrelid AND ci.oid=i.indexrelid AND a.attrelid=ci.oid AND i.indisprimary AND ct.relnamespace = n.oid", ""},
	{"SELECT usename FROM pg_catalog.pg_user WHERE usesuper AND usename = 'dev'", "dev"},
	{"SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public'", "orders"},
	{"SELECT viewname FROM pg_views WHERE schemaname = 'public'", "recent"},
	{"SELECT tc.constraint_type, kcu.column_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu ON tc.constraint_name = kcu.constraint_name WHERE tc.table_name = 'orders'", "PRIMARY KEY|id"},
	{"SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace WHERE nspname = 'public' AND relkind = 'r'", "orders"},
}

// drivers and BI tools find what there is.
func TestMetadataQueries(t *testing.T) {
	_, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE orders (id INT PRIMARY KEY, v VARCHAR(10), j SUPER, y VARBYTE(5))", "CREATE VIEW recent AS SELECT id FROM orders",
		"CREATE VIEW late AS SELECT v FROM public.orders WITH NO SCHEMA BINDING")
	for _, m := range metadata {
		results, err := conn.PgConn().Exec(t.Context(), m.query).ReadAll()
		if err != nil {
			t.Errorf("%s: %v", m.query, err)
			continue
		}
		var lines []string
		for _, row := range results[0].Rows {
			var values []string
			for _, v := range row {
				values = append(values, string(v))
			}
			lines = append(lines, strings.Join(values, "|"))
		}
		if got := strings.Join(lines, "\n"); !strings.Contains(got, m.has) || m.has == "" && got != "" {
			t.Errorf("%s:\n%s\nhas not %q", m.query, got, m.has)
		}
	}
}

// SHOW TABLE prints the statement that would make the table.
func TestShowTable(t *testing.T) {
	_, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE other (id INT PRIMARY KEY)", `CREATE TABLE t (id BIGINT IDENTITY(5, 2), "left" VARCHAR(10) DEFAULT 'x' ENCODE zstd, n DECIMAL(20, 3) NOT NULL, j SUPER, y VARBYTE(7),
		o INT REFERENCES other (id), PRIMARY KEY (id), UNIQUE (n, o)) DISTKEY (n) INTERLEAVED SORTKEY (n, o)`)
	show := func() string {
		results, err := conn.PgConn().Exec(t.Context(), "SHOW TABLE public.t").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return string(results[0].Rows[0][0])
	}
	const want = `CREATE TABLE public.t (
    id bigint IDENTITY(5,2) NOT NULL ENCODE az64,
    "left" character varying(10) DEFAULT 'x'::character varying ENCODE zstd,
    n numeric(20,3) NOT NULL ENCODE raw distkey,
    j super ENCODE raw,
    y binary varying(7) ENCODE lzo,
    o integer ENCODE raw,
    FOREIGN KEY (o) REFERENCES other(id),
    PRIMARY KEY (id),
    UNIQUE (n, o)
)
DISTSTYLE KEY
INTERLEAVED SORTKEY ( n, o );`
	if got := show(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	exec(t, conn, "DROP TABLE t", want)
	if got := show(); got != want {
		t.Errorf("made anew:\n%s", got)
	}
}
