package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/pgtest"
)

// world is a database, empty at first, and an origin that reads it.
type world struct {
	*Origin
	t       testing.TB
	config  *pgx.ConnConfig // of others
	program *pgx.ConnConfig // of the origin

	mu   sync.Mutex
	said []string // what was waited for
}

// shared is a server for all tests of the package. Its synchronous standby is missing:
// commits are local unless a session says otherwise, and wait for ever if it does.
// Autovacuum is off: its transactions are waited for like everybody's.
var shared = pgtest.Shared{Options: pgtest.Options{Settings: map[string]string{
	"synchronous_standby_names": "nobody",
	"synchronous_commit":        "local",
	"max_prepared_transactions": "20",
	"autovacuum":                "off",
}}}

func TestMain(m *testing.M) {
	defer shared.Close()
	m.Run()
}

// atMost is how long a test waits for what must happen, on a machine that is busy as well.
const atMost = 3 * time.Minute

// newWorld returns a database of its own. The origin's sessions ask for commits that
// wait for the standby.
func newWorld(t testing.TB) *world {
	t.Helper()
	s := shared.Server(t)
	config, err := pgx.ParseConfig(s.DSN(s.CreateDB(t)))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, config: config}
	w.program = config.Copy()
	w.program.RuntimeParams["synchronous_commit"] = "on"
	w.Origin = New(Options{
		Config:    func(context.Context) (*pgx.ConnConfig, error) { return w.program.Copy(), nil },
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
func (w *world) dial() *session {
	w.t.Helper()
	return w.dialAs(w.config)
}

// dialAs opens a session with a config of its own.
func (w *world) dialAs(config *pgx.ConnConfig) *session {
	w.t.Helper()
	conn, err := pgx.ConnectConfig(w.t.Context(), config)
	if err != nil {
		w.t.Fatal(err)
	}
	s := &session{conn}
	w.t.Cleanup(func() { shut(s) })
	return s
}

// exec runs statements that are to succeed.
func (w *world) exec(conn *session, statements string) {
	w.t.Helper()
	if _, err := conn.Exec(w.t.Context(), statements); err != nil {
		w.t.Fatalf("%s: %v", statements, err)
	}
}

// table chooses columns of a table of the schema public, all if none are named, and
// returns it as it is now.
func (w *world) table(name string, columns ...string) *schema.Table {
	w.t.Helper()
	choice := schema.Choice{Name: schema.Name{Schema: "public", Table: name}, Columns: columns, All: len(columns) == 0, UnlistedOnWire: true}
	w.options.Choices = append(w.options.Choices, choice)
	all, err := w.Tables(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return all[slices.IndexFunc(all, func(t *schema.Table) bool { return t.Name == choice.Name })]
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

// takeInTime is take for a LoadYield that a slow machine can use up: a snapshot that was
// given up before anybody waited for its locks is taken again.
func (w *world) takeInTime(tables ...*schema.Table) replicator.Snapshot {
	w.t.Helper()
	for range 2 {
		s, err := w.Snapshot(w.t.Context(), tables)
		if err == nil {
			w.t.Cleanup(func() { s.Close() })
			return s
		}
		if !errors.Is(err, replicator.ErrYielded) {
			w.t.Fatal(err)
		}
	}
	return w.take(tables...)
}

// copied reads a snapshot: the rows of each table, as one string each.
func copied(ctx context.Context, s replicator.Snapshot) (map[string][]string, error) {
	return copiedRanges(ctx, s, s.Taken().Ranges)
}

func copiedRanges(ctx context.Context, s replicator.Snapshot, ranges []replicator.Range) (map[string][]string, error) {
	rows := map[string][]string{}
	for _, r := range ranges {
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
func (w *world) until(conn *session, condition string, args ...any) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), atMost)
	defer cancel()
	for {
		var ok bool
		if err := conn.QueryRow(ctx, `SELECT `+condition, args...).Scan(&ok); err != nil {
			w.t.Fatalf("%s: %v", condition, err)
		}
		if ok {
			return
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			w.t.Fatalf("not in time: %s", condition)
		}
	}
}

// heard waits until the origin has said that it waits for something.
func (w *world) heard(words ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), atMost)
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
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			w.t.Fatalf("%q was not said; but: %s", missing, said)
		}
	}
}

// deserted waits until no session of the origin is left on the server.
func (w *world) deserted() {
	w.t.Helper()
	w.until(w.dial(), `NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database())`, applicationName)
}

// ours opens a session as the origin does for a snapshot.
func (w *world) ours() *session {
	w.t.Helper()
	conn, err := w.session(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { shut(conn) })
	return conn
}

// rows returns the first column of what a query gives, sorted.
func (w *world) rows(conn *session, query string) []string {
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
