package postgres

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// program is the application name of the sessions of the origin under test.
const program = "rowshift under test"

// world is a database, empty at first, and an origin that reads it.
type world struct {
	*Origin
	t      testing.TB
	config *pgx.ConnConfig

	mu   sync.Mutex
	said []string // what was waited for
}

// newWorld returns a database of its own, on a server whose synchronous standby is
// missing. Sessions of others commit locally unless they say otherwise; those of the
// origin would wait for ever.
func newWorld(t testing.TB) *world {
	t.Helper()
	config, err := pgx.ParseConfig(os.Getenv("P2_DSN"))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["synchronous_commit"] = "local"
	w := &world{t: t, config: config}
	admin := w.dial()
	name := fmt.Sprintf("w%d", time.Now().UnixNano())
	w.exec(admin, `CREATE DATABASE `+name)
	config = config.Copy()
	config.Database = name
	w.config = config
	w.Origin = New(Options{
		Config: func(context.Context) (*pgx.ConnConfig, error) {
			c := w.config.Copy()
			c.RuntimeParams["application_name"] = program
			c.RuntimeParams["synchronous_commit"] = "on"
			return c, nil
		},
		LoadYield: 10 * time.Second,
		Workers:   3,
		Waiting: func(what string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.said = append(w.said, what)
		},
	})
	return w
}

// dial opens a session of somebody else's.
func (w *world) dial() *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.ConnectConfig(w.t.Context(), w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { shut(conn) })
	return conn
}

// exec runs statements that are to succeed.
func (w *world) exec(conn *pgx.Conn, statements string) {
	w.t.Helper()
	if _, err := conn.Exec(w.t.Context(), statements); err != nil {
		w.t.Fatalf("%s: %v", statements, err)
	}
}

// table describes a table of the schema public as it is now.
func (w *world) table(name string, columns ...string) *schema.Table {
	w.t.Helper()
	conn := w.dial()
	defer shut(conn)
	t := &schema.Table{Name: schema.Name{Schema: "public", Table: name}, Key: []int{0}}
	rows, err := conn.Query(w.t.Context(), `
		SELECT attrelid, attname, attnum FROM pg_attribute
		WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND (cardinality($2::text[]) = 0 OR attname = ANY ($2))
		ORDER BY attnum`, quoted(t.Name), append([]string{}, columns...))
	if err != nil {
		w.t.Fatal(err)
	}
	var c schema.Column
	if _, err := pgx.ForEachRow(rows, []any{&t.OID, &c.Name, &c.Attnum}, func() error {
		t.Columns = append(t.Columns, c)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return t
}

// take takes a snapshot that is closed with the test.
func (w *world) take(tables ...*schema.Table) replicator.Snapshot {
	w.t.Helper()
	s, err := w.Snapshot(w.t.Context(), tables)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	return s
}

// copied reads all ranges of a snapshot: the rows of each table, as one string each.
func copied(ctx context.Context, s replicator.Snapshot) (map[string][]string, error) {
	rows := map[string][]string{}
	for _, r := range s.Taken().Ranges {
		err := s.Copy(ctx, r, func(t replicator.Tuple) error {
			rows[r.Table.Name.Table] = append(rows[r.Table.Name.Table], strings.Join(strung(t), "|"))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// until waits for a condition of the server, asked again and again.
func (w *world) until(conn *pgx.Conn, condition string, args ...any) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	for {
		var ok bool
		if err := conn.QueryRow(ctx, `SELECT `+condition, args...).Scan(&ok); err != nil {
			w.t.Fatalf("%s: %v", condition, err)
		}
		if ok {
			return
		}
		if err := rest(ctx, 5*time.Millisecond); err != nil {
			w.t.Fatalf("not in time: %s", condition)
		}
	}
}

// heard waits until the origin has said that it waits for something.
func (w *world) heard(words ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	for {
		w.mu.Lock()
		said := strings.Join(w.said, "\n")
		w.mu.Unlock()
		missing := ""
		for _, word := range words {
			if !strings.Contains(said, word) {
				missing = word
			}
		}
		if missing == "" {
			return
		}
		if err := rest(ctx, 5*time.Millisecond); err != nil {
			w.t.Fatalf("%q was not said; but: %s", missing, said)
		}
	}
}

// deserted waits until no session of the origin is left on the server.
func (w *world) deserted() {
	w.t.Helper()
	w.until(w.dial(), `NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database())`, program)
}

// ours opens a session as the origin does for a snapshot.
func (w *world) ours() *pgx.Conn {
	w.t.Helper()
	conn, err := w.session(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { shut(conn) })
	return conn
}

// rows returns the first column of what a query gives, sorted.
func (w *world) rows(conn *pgx.Conn, query string) []string {
	w.t.Helper()
	result, err := conn.Query(w.t.Context(), query)
	if err != nil {
		w.t.Fatal(err)
	}
	rows, err := pgx.CollectRows(result, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(rows)
	return rows
}

// tables is a list of tables.
func tables(t ...*schema.Table) []*schema.Table { return t }
