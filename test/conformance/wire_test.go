package conformance

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// wire are the behaviours that SQL alone cannot show.
var wire = []*behaviour{
	{name: "parameter-status", rules: []string{"R-007"}, grade: "C", observe: parameterStatus},
	{name: "encoding-is-unicode-unless-asked", rules: []string{"R-007"}, grade: "C", observe: encoding},
	{name: "no-arguments-by-the-simple-protocol", rules: []string{"R-026"}, grade: "C", observe: simpleArguments},
	{name: "start-up-options", rules: []string{"R-002", "R-003"}, grade: "O", observe: startUp},
	{name: "wrong-password", rules: []string{"R-021"}, grade: "C", observe: wrongPassword},
	{name: "unknown-database", rules: []string{"R-022"}, grade: "C", observe: unknownDatabase},
	{name: "type-oids", rules: []string{"R-009"}, grade: "C", observe: typeOIDs},
	{name: "one-statement-is-prepared", rules: []string{"R-014"}, grade: "K", observe: preparedOnce},
	{name: "bound-values", rules: []string{"R-013"}, grade: "C", observe: boundValues},
	{name: "statement-size", rules: []string{"R-012"}, grade: "D", observe: statementSize},
	{name: "copy-tells-its-rows", rules: []string{"R-648"}, grade: "O", files: true, observe: copyNotice,
		objects: []object{{name: "rows.csv", content: "1\n2\n"}}},
}

func parameterStatus(s *server) string {
	c := s.session("").PgConn()
	for name, want := range map[string]string{
		"standard_conforming_strings": "", "server_version": "8.0.2", "client_encoding": "UTF8", "integer_datetimes": "on",
	} {
		if got := c.ParameterStatus(name); got != want {
			return fmt.Sprintf("%s is %q, not %q", name, got, want)
		}
	}
	return ""
}

// connectWith connects with changed options. An error is the server's.
func (s *server) connectWith(change func(*pgx.ConnConfig)) (*pgx.Conn, error) {
	c, err := s.config()
	if err != nil {
		s.t.Fatal(err)
	}
	change(c)
	return pgx.ConnectConfig(s.ctx, c)
}

// refusedWith returns how the refusal of a connection differs from this code.
func refusedWith(conn *pgx.Conn, err error, code string) string {
	if err == nil {
		_ = conn.PgConn().Conn().Close()
		return "the connection was accepted"
	}
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != code {
		return fmt.Sprintf("refused with %v, not %s", err, code)
	}
	return ""
}

func encoding(s *server) string {
	conn, err := s.connectWith(func(c *pgx.ConnConfig) { delete(c.RuntimeParams, "client_encoding") })
	if err != nil {
		return err.Error()
	}
	defer conn.Close(s.ctx)
	if got := conn.PgConn().ParameterStatus("client_encoding"); got != "UNICODE" {
		return fmt.Sprintf("client_encoding is %q, not UNICODE", got)
	}
	return ""
}

func simpleArguments(s *server) string {
	var n int
	if err := s.session("").QueryRow(s.ctx, "SELECT $1::INT", pgx.QueryExecModeSimpleProtocol, 1).Scan(&n); err == nil {
		return "pgx sent arguments by the simple protocol, which it does where standard_conforming_strings is on"
	}
	return ""
}

func startUp(s *server) string {
	for _, name := range []string{"standard_conforming_strings", "IntervalStyle"} {
		conn, err := s.connectWith(func(c *pgx.ConnConfig) { c.RuntimeParams[name] = "on" })
		if differ := refusedWith(conn, err, "42704"); differ != "" {
			return name + ": " + differ
		}
	}
	conn, err := s.connectWith(func(c *pgx.ConnConfig) { c.RuntimeParams["extra_float_digits"] = "3" })
	if differ := refusedWith(conn, err, "22023"); differ != "" {
		return "extra_float_digits of 3: " + differ
	}
	conn, err = s.connectWith(func(c *pgx.ConnConfig) { c.RuntimeParams["extra_float_digits"] = "2" })
	if err != nil {
		return "extra_float_digits of 2: " + err.Error()
	}
	return closed(s, conn)
}

func closed(s *server, conn *pgx.Conn) string {
	if err := conn.Close(s.ctx); err != nil {
		return err.Error()
	}
	return ""
}

func wrongPassword(s *server) string {
	conn, err := s.connectWith(func(c *pgx.ConnConfig) { c.Password = "wrong" })
	return refusedWith(conn, err, "28000")
}

func unknownDatabase(s *server) string {
	conn, err := s.connectWith(func(c *pgx.ConnConfig) { c.Database = "conformance_none" })
	return refusedWith(conn, err, "3D000")
}

// typeOIDs asks for a column of each type. SUPER and VARBYTE have OIDs that PostgreSQL
// does not have.
func typeOIDs(s *server) string {
	conn := s.session("")
	want := map[string]uint32{
		"BOOLEAN": 16, "SMALLINT": 21, "INTEGER": 23, "BIGINT": 20, "REAL": 700, "DOUBLE PRECISION": 701, "DECIMAL(10,2)": 1700,
		"CHAR(3)": 1042, "VARCHAR(3)": 1043, "DATE": 1082, "TIME": 1083, "TIMETZ": 1266, "TIMESTAMP": 1114, "TIMESTAMPTZ": 1184,
		"SUPER": 4000, "VARBYTE(3)": 6551,
	}
	types := slices.Sorted(maps.Keys(want))
	var columns []string
	for i, t := range types {
		columns = append(columns, fmt.Sprintf("c%d %s", i, t))
	}
	if _, err := conn.Exec(s.ctx, "CREATE TABLE of_all_types ("+strings.Join(columns, ", ")+")"); err != nil {
		return err.Error()
	}
	results, err := conn.PgConn().Exec(s.ctx, "SELECT * FROM of_all_types").ReadAll()
	if err != nil {
		return err.Error()
	}
	for i, f := range results[0].FieldDescriptions {
		if f.DataTypeOID != want[types[i]] {
			return fmt.Sprintf("%s has the number %d, not %d", types[i], f.DataTypeOID, want[types[i]])
		}
	}
	return ""
}

func preparedOnce(s *server) string {
	_, err := s.session("").PgConn().Prepare(s.ctx, "two", "SELECT 1; SELECT 2", nil)
	return refusal(step{refused: true, code: "42601"}, err)
}

func boundValues(s *server) string {
	conn := s.session("")
	if _, err := conn.Exec(s.ctx, "CREATE TABLE bound (id INT)"); err != nil {
		return err.Error()
	}
	for _, n := range []int{100, 32_768} {
		var places []string
		var values [][]byte
		for i := range n {
			places = append(places, fmt.Sprintf("($%d)", i+1))
			values = append(values, []byte("1"))
		}
		err := conn.PgConn().ExecParams(s.ctx, "INSERT INTO bound VALUES "+strings.Join(places, ","), values, nil, nil, nil).Read().Err
		if (err == nil) != (n < 32_768) {
			return fmt.Sprintf("%d values: %v", n, err)
		}
	}
	return ""
}

// statementSize sends a statement with a comment that is longer than the 16 MB that a
// statement may have.
func statementSize(s *server) string {
	_, err := s.session("").Exec(s.ctx, "SELECT 1 /*"+strings.Repeat("a", 16<<20)+"*/")
	return refusal(step{refused: true}, err)
}

func copyNotice(s *server) string {
	var said []string
	conn, err := s.connectWith(func(c *pgx.ConnConfig) {
		c.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { said = append(said, n.Message) }
	})
	if err != nil {
		return err.Error()
	}
	defer conn.Close(s.ctx)
	for _, statement := range []string{"CREATE TEMP TABLE noticed (id INT)", s.filled("COPY noticed $from(rows.csv) FORMAT AS CSV")} {
		if _, err := conn.Exec(s.ctx, statement); err != nil {
			return err.Error()
		}
	}
	if want := "Load into table 'noticed' completed, 2 record(s) loaded successfully."; !slices.Contains(said, want) {
		return fmt.Sprintf("said %q, not %q", said, want)
	}
	return ""
}
