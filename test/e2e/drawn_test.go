package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/test/harness"
)

// Promises 1 to 3, 6 and 8: but for what ledger and quarantine account for, tables stay
// equal to their source through statements that a seed draws. These change rows and
// shapes, alone and several in one transaction, and are committed or rolled back, while
// others write and daemons are killed. ROWSHIFT_TEST_SEED draws the same statements
// again. A tenth as many seeds are used as ROWSHIFT_TEST_SEEDS says, and at least one.
func TestDrawnStatements(t *testing.T) {
	t.Parallel()
	first, seeds := fromEnv("ROWSHIFT_TEST_SEED", 1), fromEnv("ROWSHIFT_TEST_SEEDS", 1)
	for n := range max(1, seeds/10) {
		t.Run(fmt.Sprint("seed ", first+n), func(t *testing.T) { follow(t, uint64(first+n)) })
	}
}

// statementsDrawn is how many statements a seed draws: enough to send each form on the
// list of test/surface.
const statementsDrawn = 500

// follow draws and runs statements, and checks now and then that all is equal.
func follow(t *testing.T, seed uint64) {
	f := newFollowed(t, seed)
	load := f.world.Load(harness.Workload{Seed: seed, Writers: 1, Pause: 100 * time.Millisecond})
	f.compare(t)
	for last := 0; f.statements < statementsDrawn; {
		f.run(t, f.drawing.next())
		f.disturb(t)
		if f.statements-last >= 60 {
			f.compare(t)
			last = f.statements
		}
	}
	f.compare(t)
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	if f.lists {
		f.world.MustBecomeEqual(t)
	}
	f.retry(t)
	t.Logf("%d statements, %d kills, %d comparisons in %.1f s each at most, %d repairs in the warehouse, %d transactions of others", f.statements, f.kills, f.comparisons, f.longest.Seconds(), f.repairs, f.written.Load())
	if f.written.Load() == 0 || f.kills == 0 {
		t.Error("nobody else wrote, or no daemon was killed")
	}
}

// followed is a world whose tables are compared.
type followed struct {
	world   *harness.World
	drawing *drawing
	chance  *rand.Rand // decides what happens beside the statements
	lists   bool       // PostgreSQL has column lists
	source  *pgconn.PgConn
	began   time.Time
	log     []string // what was run
	daemon  *harness.Daemon
	dead    int // how many transactions there is no daemon for

	quiet   sync.RWMutex                   // read locked while others write
	names   atomic.Pointer[[]writtenTable] // the tables to which others write
	written atomic.Int64                   // number of the others' transactions

	statements, kills, comparisons, repairs, marks int
	longest                                        time.Duration // the longest wait for equality
}

func newFollowed(t *testing.T, seed uint64) *followed {
	t.Helper()
	f := &followed{began: time.Now(), lists: columnLists(t), chance: rand.New(rand.NewPCG(seed, 1))}
	f.drawing = &drawing{rng: rand.New(rand.NewPCG(seed, 0)), tables: drawnTables(f.lists)}
	s := harness.Setup{
		Accounts: small, Chance: true,
		SQL: []string{
			"CREATE SCHEMA other", "GRANT ALL ON SCHEMA other TO app_owner",
			"CREATE TABLE mark (id integer PRIMARY KEY)", "ALTER TABLE mark OWNER TO app_owner",
		},
		Config: harness.Config{
			Tables: []string{"public.mark: {columns: all}"},
			Batch:  "{rows: 300, min_interval: 100ms, max_age: 400ms}",
			Source: []string{"catalogue_poll: 200ms", "load_yield: 1s"},
		},
	}
	if f.lists {
		s.Config.Tables = append(s.Config.Tables, harness.AccountTables...)
	}
	for _, table := range f.drawing.tables {
		s.SQL = append(append(s.SQL, table.create()...), table.insert(f.chance), table.insert(f.chance))
		s.Config.Tables = append(s.Config.Tables, fmt.Sprintf("public.%s: {%s}", table.config, table.choice))
	}
	f.world = harness.Start(t, s)
	f.source = dial(t, f.world.SourceDSN())
	f.daemon = f.world.MustRun(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, run again by ROWSHIFT_TEST_SEED=%[1]d:\n%s", seed, strings.Join(f.log, "\n"))
			f.told(t)
		}
	})
	f.known()
	f.write(t, seed)
	return f
}

// dial opens a session for the length of the test.
func dial(t *testing.T, dsn string) *pgconn.PgConn {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.WithoutCancel(t.Context())) })
	return c
}

// passing are SQLSTATEs with which a statement may be refused because of what the daemon
// and others do at the same time: locks, rows with the same key, a catalogue row that
// both change, and what the publication has of a table until the daemon has seen that it
// was altered.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var passing = []string{"40P01", "55P03", "23505", "XX000", "42710", "42704", "55000", "42P10"}

// run runs a transaction, and tries it again while it conflicts with something else that
// goes on.
func (f *followed) run(t *testing.T, tx transaction) {
	t.Helper()
	defer f.known()
	f.statements += len(tx.statements)
	f.note("%s", tx.sql())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		_, err := f.source.Exec(ctx, tx.sql()).ReadAll()
		if err == nil {
			return
		}
		var fault *pgconn.PgError
		if !errors.As(err, &fault) || !slices.Contains(passing, fault.Code) || ctx.Err() != nil {
			t.Fatalf("%v in %s", err, tx.sql())
		}
		f.note("-- %v", err)
		_, _ = f.source.Exec(ctx, "ROLLBACK").ReadAll()
		f.live(t) // a daemon may have to see a change first
	}
}

func (f *followed) note(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf("%d, %.1f s: ", f.statements, time.Since(f.began).Seconds())+fmt.Sprintf(format, args...))
}

// told prints what the last daemons logged, without debug messages.
func (f *followed) told(t *testing.T) {
	log, err := os.ReadFile(f.world.LogFile())
	if err != nil {
		t.Error(err)
	}
	var lines []string
	for line := range strings.Lines(string(log)) {
		if !strings.Contains(line, `"level":"debug"`) && !strings.Contains(line, `"message":"merged"`) {
			lines = append(lines, line)
		}
	}
	t.Logf("the daemons' log:\n%s", strings.Join(lines[max(0, len(lines)-200):], ""))
}

// live makes sure that a daemon runs.
func (f *followed) live(t *testing.T) {
	t.Helper()
	if f.daemon == nil {
		f.note("-- a daemon starts")
		f.daemon, f.dead = f.world.MustRun(t), 0
	}
}

// disturb does, by chance, something other than a statement: it kills the daemon, asks
// for a load, or waits until all is read, so that the daemon is idle at what follows.
func (f *followed) disturb(t *testing.T) {
	t.Helper()
	if f.daemon == nil {
		if f.dead--; f.dead <= 0 {
			f.live(t)
		}
		return
	}
	switch n := f.chance.IntN(60); {
	case n < 3:
		f.note("-- kill -9")
		f.daemon.Kill()
		f.daemon, f.dead = nil, f.chance.IntN(4)
		f.kills++
	case n < 4:
		table := f.drawing.tables[f.chance.IntN(len(f.drawing.tables))]
		f.note("-- resync %s", table.config)
		change(t, f.world, "INSERT INTO rowshift.request (kind, source_schema, source_table, token, state, requested_at) VALUES ('resync', 'public', '"+table.config+"', '', 'requested', GETDATE())")
	case n < 14:
		f.marks++
		f.note("-- read up to here")
		arrived(t, f.world, f.marks)
	}
}

// compare mends tables that cannot be replicated once they are parked, and waits until
// all tables are live and accounted for.
func (f *followed) compare(t *testing.T) {
	t.Helper()
	f.live(t)
	f.comparisons++
	f.note("-- compared")
	a := &accounts{source: f.source, target: dial(t, f.world.WarehouseDSN("dev", "dev"))}
	for _, table := range f.drawing.tables {
		if table.unfit() == "" {
			continue
		}
		harness.Until(t, table.config+" to be parked, for "+table.unfit(), func() (bool, error) {
			rows, err := tableRows(t.Context(), a.target, "SELECT state, detail FROM rowshift.table_state WHERE source_table = '"+table.config+"'")
			return err == nil && len(rows) == 1 && rows[0][0] == "parked" && strings.Contains(rows[0][1], `"reason":"table_unfit"`), err
		})
		f.run(t, transaction{statements: f.drawing.mend(table)})
	}
	f.quiet.Lock()
	defer f.quiet.Unlock()
	var lines []string
	began := time.Now()
	err := harness.Await(t.Context(), patience, "all to be accounted for", func() (ok bool, err error) {
		if err := f.daemon.Alive(); err != nil {
			t.Fatal(err)
		}
		if lines, err = a.settled(t.Context(), f.drawing.tables); err != nil || len(lines) == 0 {
			return err == nil, err
		}
		return false, f.repair(t, a)
	})
	if err != nil {
		t.Fatalf("%s\n%v", strings.Join(lines, "\n"), err)
	}
	f.longest = max(f.longest, time.Since(began))
	for _, table := range f.drawing.tables {
		table.young = false
		if table.kinds, err = a.kinds(t.Context(), table); err != nil {
			t.Fatal(err)
		}
	}
}
