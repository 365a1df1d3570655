package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/schema"
	"rowshift/sink/redshift"
	"rowshift/test/harness"
	"rowshift/test/pgtest"
)

// growth is the name of the part that follows the cost of a row as there are more rows,
// more tables that change, and more tables that do not.
const growth = "growth"

// growing is the size of one drain.
type growing struct {
	Rows   int64 `json:"rows"`
	Tables int   `json:"tables"` // the tables that change
	Idle   int   `json:"idle"`   // the tables that are replicated and do not change
	Whole  bool  `json:"whole"`  // all rows are of one transaction
}

// fewest is how many tables change where their number is not what is measured.
const fewest = 4

// most returns the greatest number of tables that change.
func most(s sizes) int { return int(min(s.of(200, 20), 200)) }

// The groups within which drains are compared, in the order in which they are made. The
// drains beside idle tables come first: in the first round the tables that change are
// then empty in both worlds.
const (
	idleOnes = "idle"
	byRows   = "rows"
	byTables = "tables"
	whole    = "rows of one transaction"
)

var groups = []string{idleOnes, byRows, byTables, whole}

// growths returns the drains of a round by group. Each is compared with the one before
// it.
func growths(s sizes, mostRows float64) map[string][]growing {
	n := s.of(100_000, 2_000)
	var all []growing
	one := growing{Rows: s.of(mostRows/10, 400), Tables: 1, Whole: true}
	for rows := s.of(10_000, 200); rows <= s.of(mostRows, 2_000); rows *= 10 {
		all = append(all, growing{Rows: rows, Tables: fewest})
	}
	return map[string][]growing{
		byRows:   all,
		byTables: {{Rows: 10 * n, Tables: 1}, {Rows: 10 * n, Tables: max(2, most(s)/20)}, {Rows: 10 * n, Tables: most(s) / 4}, {Rows: 10 * n, Tables: most(s)}},
		whole:    {one, one, one, {Rows: s.of(mostRows, 4_000), Tables: 1, Whole: true}}, // three times, since it is chance where a peak meets the garbage collector, and a long drain has more chances
		idleOnes: {{Rows: 2 * n, Tables: fewest}, {Rows: 2 * n, Tables: fewest, Idle: idleTables(s)}},
	}
}

// idleTables returns how many idle tables there are, where there are any.
func idleTables(s sizes) int { return int(s.of(10_000, 100)) }

// grown is what a drain took, and what a drain of nothing took just before: starting, and
// finding that there is nothing.
type grown struct {
	growing
	Of        string        `json:"of"`
	Wall      time.Duration `json:"wall"`
	CPU       time.Duration `json:"cpu"`
	Peak      int64         `json:"peak"` // of the drain: the greatest resident memory
	Walsender time.Duration `json:"walsender"`
	BareWall  time.Duration `json:"bare_wall"`
	BareCPU   time.Duration `json:"bare_cpu"`
}

// resting is the cost of a daemon that has nothing to do.
type resting struct {
	Idle int           `json:"idle"`
	CPU  time.Duration `json:"cpu"` // within that time
	Time time.Duration `json:"time"`
	Peak int64         `json:"peak"`
}

// growthRound is what a round has measured.
type growthRound struct {
	Drains []grown   `json:"drains"`
	Rests  []resting `json:"rests"`
}

// field is a world with tables that change and tables that do not.
type field struct {
	sizes
	idle   int
	world  *harness.World
	source *pgx.Conn
	stand  *pgx.Conn
}

// sow makes a world whose daemon has loaded the tables that change and knows the idle
// ones.
func sow(ctx context.Context, s sizes, changes, idle int) (f *field, err error) {
	f = &field{sizes: s, idle: idle}
	statements := []string{"CREATE SEQUENCE fresh", plough}
	var lines []string
	for i := range changes {
		statements = append(statements, fmt.Sprintf("CREATE TABLE %s (id bigint PRIMARY KEY, name text, plan text, seats int, seen_at timestamptz)", changing(i)),
			"ALTER TABLE "+changing(i)+" OWNER TO app_owner")
		lines = append(lines, "public."+changing(i)+": {columns: all}")
	}
	more := settings()
	more["max_locks_per_transaction"] = "1000" // altering a publication locks each of its tables
	f.world, err = harness.Open(ctx, harness.Setup{
		Source:  pgtest.Options{Settings: more, Least: 15},
		Backing: pgtest.Options{Settings: more},
		SQL:     statements,
		Config:  harness.Config{Tables: lines, Batch: "{}"},
	})
	if err != nil {
		return nil, err
	}
	if f.source, err = pgx.Connect(ctx, f.world.SourceDSN()); err != nil {
		return nil, f.close(err)
	}
	if f.stand, err = pgx.Connect(ctx, f.world.Backing.DSN("dev")); err != nil {
		return nil, f.close(err)
	}
	say("%-8s loading %d tables, which are empty", growth, changes)
	if _, _, err = f.once(ctx); err != nil {
		return nil, f.close(err)
	}
	if err := f.leaveIdle(ctx, lines); err != nil {
		return nil, f.close(err)
	}
	return f, nil
}

// leaveIdle makes the idle tables, publishes them, and has the warehouse remember them as
// live, as it would after thousands of empty loads. It makes no targets for them, since
// nothing uses those.
func (f *field) leaveIdle(ctx context.Context, lines []string) error {
	if f.idle == 0 {
		return nil
	}
	say("%-8s making %d idle tables", growth, f.idle)
	_, err := f.source.Exec(ctx, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP
		EXECUTE format('CREATE TABLE idle_%%s (id int PRIMARY KEY, name text)', i); EXECUTE format('ALTER TABLE idle_%%s OWNER TO app_owner', i); END LOOP; END $$`, f.idle))
	if err != nil {
		return err
	}
	for i := range f.idle {
		lines = append(lines, fmt.Sprintf("public.idle_%d: {columns: all}", i+1))
	}
	if err := f.world.SetConfig(func(c *harness.Config) { c.Tables = lines }); err != nil {
		return err
	}
	var choices []schema.Choice
	for _, l := range lines {
		name, _, _ := strings.Cut(strings.TrimPrefix(l, "public."), ":")
		choices = append(choices, schema.Choice{Name: schema.Name{Schema: "public", Table: name}, All: true})
	}
	w := redshift.New(redshift.Options{Pipeline: "accounts", Schema: "userdata", MetadataSchema: "rowshift", CopyRole: harness.CopyRole,
		Config: func(context.Context) (*pgx.ConnConfig, error) {
			return pgx.ParseConfig(f.world.WarehouseDSN("loader", harness.LoaderPassword))
		}})
	defer w.Close()
	cp, err := w.Fence(ctx, replicator.Checkpoint{})
	if err != nil {
		return err
	}
	origin := postgres.New(postgres.Options{Slot: slot, Publication: publication, Create: true, Choices: choices,
		Config: func(context.Context) (*pgx.ConnConfig, error) { return pgx.ParseConfig(f.world.SourceDSN()) }})
	source, opened, err := origin.Open(ctx, replicator.OpenRequest{After: cp.LSN})
	if err != nil {
		return err
	}
	if err := source.Close(); err != nil {
		return err
	}
	live := checkpointOf(opened, cp.LSN)
	m := &replicator.Merge{Expect: cp.LSN, Checkpoint: cp}
	m.Checkpoint.Publication, m.Checkpoint.Tables = live.Publication, live.Tables
	_, err = w.Merge(ctx, m)
	return err
}

// plough inserts 20 rows in each transaction. Each transaction writes to one of the first
// tables, in turn.
const plough = `CREATE PROCEDURE plough(transactions int, tables int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 0..transactions - 1 LOOP
			EXECUTE format('INSERT INTO changing_%s SELECT nextval(''fresh''), ''a name of '' || j, ''pro'', j, now() FROM generate_series(1, 20) j', i % tables);
			COMMIT;
		END LOOP;
	END $$`

func changing(i int) string { return fmt.Sprintf("changing_%d", i) }

// close ends the world. It returns err, joined with whatever else goes wrong.
func (f *field) close(err error) error {
	for _, c := range []*pgx.Conn{f.source, f.stand} {
		if c != nil {
			_ = c.Close(context.Background())
		}
	}
	return errors.Join(err, f.world.Close())
}

// once runs a daemon that drains all that there is, and returns what that took.
func (f *field) once(ctx context.Context) (wall time.Duration, own usage, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	began := time.Now()
	d, err := f.world.Run("--once")
	if err != nil {
		return 0, own, err
	}
	own, err = untilEnd(ctx, d)
	return time.Since(began), own, err
}

// drain measures one drain, and one of nothing before it.
func (f *field) drain(ctx context.Context, of string, g growing) (grown, error) {
	r := grown{growing: g, Of: of}
	bareWall, bare, err := f.once(ctx)
	if err != nil {
		return r, err
	}
	if err := f.plough(ctx, g); err != nil {
		return r, err
	}
	walsender := watch(ctx, f.world.SourceDSN(), slot)
	wall, own, err := f.once(ctx)
	sent, unseen := walsender()
	r.BareWall, r.BareCPU, r.Wall, r.CPU, r.Peak, r.Walsender = bareWall, bare.CPU, wall, own.CPU, own.Peak, sent
	if err := cmp.Or(err, unseen); err != nil {
		return r, err
	}
	return r, f.equal(ctx, g.Tables)
}

// beside measures a drain by a daemon that already runs and has nothing else to do. With
// thousands of tables, starting would cost far more than the rows.
func (f *field) beside(ctx context.Context, of string, g growing) (r grown, rest resting, err error) {
	r = grown{growing: g, Of: of}
	d, rest, err := f.rest(ctx)
	if err != nil {
		return r, rest, err
	}
	defer func() { err = ended(ctx, d, err) }()
	before, sent, err := f.costs(ctx, d)
	if err != nil {
		return r, rest, err
	}
	began := time.Now()
	if err := f.plough(ctx, g); err != nil {
		return r, rest, err
	}
	if err := f.drained(ctx, g, d); err != nil {
		return r, rest, fmt.Errorf("%w\n%s", err, d.Tail(20))
	}
	r.Wall = time.Since(began)
	after, sentAfter, err := f.costs(ctx, d)
	if err != nil {
		return r, rest, err
	}
	r.CPU, r.Walsender, r.Peak = after.CPU-before.CPU, sentAfter.CPU-sent.CPU, after.Peak
	return r, rest, f.equal(ctx, g.Tables)
}

// costs returns what a running daemon and its walsender have used so far.
func (f *field) costs(ctx context.Context, d *harness.Daemon) (own, walsender usage, err error) {
	if own, err = usageOf(d.Pid()); err != nil {
		return own, walsender, err
	}
	var pid int
	if err := f.source.QueryRow(ctx, "SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1", slot).Scan(&pid); err != nil {
		return own, walsender, err
	}
	walsender, err = usageOf(pid)
	return own, walsender, err
}

// drained waits until the target shows the last row that was written, which is behind all
// others in the log.
func (f *field) drained(ctx context.Context, g growing, d *harness.Daemon) error {
	var last int64
	if err := f.source.QueryRow(ctx, "SELECT last_value FROM fresh").Scan(&last); err != nil {
		return err
	}
	return seen(ctx, f.stand, "userdata."+changing(int(g.Rows/20-1)%g.Tables), "id", last, d.Alive)
}

// plough writes the rows of a drain.
func (f *field) plough(ctx context.Context, g growing) error {
	rows := fmt.Sprintf("CALL plough(%d, %d)", g.Rows/20, g.Tables)
	if g.Whole {
		rows = fmt.Sprintf("INSERT INTO %s SELECT nextval('fresh'), 'a name of ' || j, 'pro', j, now() FROM generate_series(1, %d) j", changing(0), g.Rows)
	}
	for _, sql := range []string{"SET synchronous_commit = off", rows, "SET synchronous_commit = on", "CHECKPOINT"} {
		if _, err := f.source.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

// equal compares all rows of the tables that change.
func (f *field) equal(ctx context.Context, tables int) error {
	const columns = "id::text, name::text, plan::text, seats::text, seen_at::text"
	for i := range tables {
		want, err := sum(ctx, f.source, "public."+changing(i), columns)
		if err != nil {
			return err
		}
		got, err := sum(ctx, f.stand, "userdata."+changing(i), columns)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%w: %s has %s, the source %s", errUnequal, changing(i), got, want)
		}
	}
	return nil
}

// settling is how long a daemon may take until it has nothing left to do. quiet is how
// long it is then watched. It looks at the catalogue in both.
const (
	settling = 12 * time.Second
	quiet    = 20 * time.Second
)

// shorter returns a time at the scale, at most the time itself.
func (s sizes) shorter(long time.Duration) time.Duration {
	return time.Duration(float64(long) * min(1, 5*s.scale))
}

// rest starts a daemon and measures it once it has nothing to do.
func (f *field) rest(ctx context.Context) (d *harness.Daemon, r resting, err error) {
	r = resting{Idle: f.idle}
	if d, err = f.world.Run(); err != nil {
		return nil, r, err
	}
	defer func() {
		if err != nil {
			err = ended(ctx, d, err)
		}
	}()
	began := time.Now()
	err = harness.Await(ctx, patience, "the daemon to stream", func() (active bool, err error) {
		err = f.source.QueryRow(ctx, "SELECT coalesce(bool_or(active), false) FROM pg_replication_slots WHERE slot_name = $1", slot).Scan(&active)
		return active, err
	})
	if err != nil {
		return d, r, err
	}
	last, err := usageOf(d.Pid())
	for err == nil && ctx.Err() == nil {
		pause(ctx, f.shorter(2*time.Second))
		var now usage
		now, err = usageOf(d.Pid())
		if now.CPU-last.CPU < 100*time.Millisecond && time.Since(began) > f.shorter(settling) {
			break
		}
		last = now
	}
	if err != nil {
		return d, r, err
	}
	began = time.Now()
	before, err := usageOf(d.Pid())
	if err != nil {
		return d, r, err
	}
	pause(ctx, f.shorter(quiet))
	after, err := usageOf(d.Pid())
	r.CPU, r.Time, r.Peak = after.CPU-before.CPU, time.Since(began), after.Peak
	return d, r, err
}

func pause(ctx context.Context, long time.Duration) {
	select {
	case <-time.After(long):
	case <-ctx.Done():
	}
}

// measureGrowth measures larger and larger drains in two worlds: one with idle tables,
// and one without.
func measureGrowth(ctx context.Context, m *measurement) (failed error) {
	s := sizes{scale: m.scale}
	busy, err := sow(ctx, s, most(s), 0)
	if err != nil {
		return err
	}
	defer func() { failed = busy.close(failed) }()
	beside, err := sow(ctx, s, fewest, idleTables(s))
	if err != nil {
		return err
	}
	defer func() { failed = beside.close(failed) }()
	for m.next() {
		var r growthRound
		for _, of := range groups {
			for _, g := range growths(s, m.mostRows)[of] {
				in := busy
				if g.Idle > 0 {
					in = beside
				}
				d, err := in.measure(ctx, of, g, &r)
				if err != nil {
					return err
				}
				m.say("%8d rows of %3d tables beside %5d idle ones %8.2f s, %6.2f s of CPU per 1,000,000 rows", g.Rows, g.Tables, g.Idle, d.Wall.Seconds(), d.cpu())
			}
		}
		if err := m.keep(r); err != nil {
			return err
		}
	}
	return nil
}

// measure measures one drain of a round.
func (f *field) measure(ctx context.Context, of string, g growing, r *growthRound) (d grown, err error) {
	if of != idleOnes {
		d, err = f.drain(ctx, of, g)
	} else {
		var rest resting
		d, rest, err = f.beside(ctx, of, g)
		r.Rests = append(r.Rests, rest)
	}
	r.Drains = append(r.Drains, d)
	return d, err
}
