package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/test/harness"
	"rowshift/test/pgtest"
)

// bench is a world in which all tables are equal everywhere and nobody reads a slot.
type bench struct {
	sizes    sizes
	peers    []peer
	world    *harness.World
	source   *pgx.Conn
	stand    *pgx.Conn // the stand-in's database, without the stand-in
	native   *pgx.Conn // the subscription's database, on the same server
	markers  int64
	profiles string
	binary   bool // the subscription is sent binary values
}

const (
	publication = "rowshift_accounts"
	slot        = "rowshift_accounts"
	nativeSlot  = "native"
)

// settings keep what is not measured out of the way: vacuum runs only between drains.
func settings() map[string]string {
	return map[string]string{
		"autovacuum": "off", "shared_buffers": "2GB", "work_mem": "64MB", "max_wal_size": "16GB", "checkpoint_timeout": "30min", "maintenance_work_mem": "256MB",
		"wal_retrieve_retry_interval": "50ms", // otherwise a subscription that was enabled a moment before would wait for 5 s
	}
}

// open makes a world and copies all rows to where they are drained to.
func open(ctx context.Context, c choices) (*bench, error) {
	b := &bench{sizes: sizes{scale: c.scale}, peers: c.chosenPeers, profiles: c.profiles, binary: c.binary}
	target := settings()
	target["synchronous_commit"] = "off" // the default of a subscription
	if c.profiles != "" {                // to find what takes the time, one looks at the statements too
		target["log_min_duration_statement"], target["log_line_prefix"] = "10ms", "%m "
	}
	var lines []string
	for _, t := range tables {
		lines = append(lines, "public."+t+": {columns: all}")
	}
	var err error
	b.world, err = harness.Open(ctx, harness.Setup{
		Source:   pgtest.Options{Settings: settings(), Fsync: true, Least: 15},
		Backing:  pgtest.Options{Settings: target, Fsync: true},
		Accounts: harness.Accounts{Companies: int(b.sizes.companies()), Persons: int(b.sizes.persons()), Memberships: int(b.sizes.persons())},
		SQL:      sourceSQL(b.sizes),
		Config:   harness.Config{Tables: lines, Batch: "{}"}, // as a user gets it by default
		Step:     func(what string) { say("%s", what) },
	})
	if err != nil {
		return nil, err
	}
	if _, err := b.world.Source.Program(recvlogical); err != nil {
		say("there is no limit to compare with: %v", err)
		b.peers = slices.DeleteFunc(b.peers, func(p peer) bool { return p.name == limit })
	}
	if err := b.fill(ctx); err != nil {
		return nil, b.close(err)
	}
	if err := b.vacuum(ctx, tables); err != nil {
		return nil, b.close(err)
	}
	return b, nil
}

// fill loads all tables into the stand-in and into the subscription's database. Then the
// stand-in merges one row into each large table: it makes its index of the DISTKEY when
// rows are first sought, and the first round is not to pay for that.
func (b *bench) fill(ctx context.Context) (err error) {
	if b.source, err = pgx.Connect(ctx, b.world.SourceDSN()); err != nil {
		return err
	}
	say("loading the stand-in")
	if err := b.once(ctx); err != nil {
		return fmt.Errorf("the load: %w", err)
	}
	if _, err := b.source.Exec(ctx, touch); err != nil {
		return err
	}
	if err := b.once(ctx); err != nil {
		return fmt.Errorf("the first merge: %w", err)
	}
	if b.stand, err = pgx.Connect(ctx, b.world.Backing.DSN("dev")); err != nil {
		return err
	}
	if !b.has(native) {
		return nil
	}
	say("loading the subscription's database")
	return b.subscribe(ctx)
}

// once runs a daemon that drains what there is, and waits for its end.
func (b *bench) once(ctx context.Context) error {
	d, err := b.world.Run("--once")
	if err != nil {
		return err
	}
	if code, err := d.Ended(ctx); err != nil || code != 0 {
		return fmt.Errorf("it ended with code %d, %w\n%s", code, err, d.Tail(20))
	}
	return nil
}

// has reports whether a peer takes part.
func (b *bench) has(name string) bool {
	return slices.ContainsFunc(b.peers, func(p peer) bool { return p.name == name })
}

// close ends the world. It returns err, joined with whatever else goes wrong.
func (b *bench) close(err error) error {
	err = errors.Join(err, b.keepLogs())
	for _, c := range []*pgx.Conn{b.source, b.stand, b.native} {
		if c != nil {
			_ = c.Close(context.Background())
		}
	}
	return errors.Join(err, b.world.Close())
}

// keepLogs copies the logs of the daemon and of the target's PostgreSQL, which names its
// slow statements, to the folder of the profiles.
func (b *bench) keepLogs() error {
	if b.profiles == "" {
		return nil
	}
	daemon, err := os.ReadFile(b.world.LogFile())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.profiles, "rowshift.log"), daemon, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.profiles, "target.log"), []byte(b.world.Backing.Log()), 0o600)
}

// measureDrains drains each backlog once in each round.
func measureDrains(ctx context.Context, m *measurement) (err error) {
	b, err := open(ctx, m.choices)
	if err != nil {
		return err
	}
	defer func() { err = b.close(err) }()
	took := map[string]time.Duration{}
	for m.next() {
		for _, l := range m.chosenBacklogs {
			if m.round > 1 && !m.fits(took[l.name]) {
				return nil
			}
			began := time.Now()
			drains, err := b.round(ctx, m, l)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			if err := m.keep(drains); err != nil {
				return err
			}
			took[l.name] = time.Since(began)
		}
	}
	return nil
}

// round writes a backlog and has each peer drain it. Each round begins with another peer.
func (b *bench) round(ctx context.Context, m *measurement, l backlog) (results, error) {
	if err := b.forget(ctx); err != nil {
		return nil, err
	}
	began := time.Now()
	written, err := b.write(ctx, l)
	if err != nil {
		return nil, err
	}
	m.say("%-36s written in %.1f s", l.name, time.Since(began).Seconds())
	var all results
	for _, p := range inOrder(b.peers, m.round) {
		r, err := p.drain(ctx, b, written)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		r.Backlog, r.Peer, r.Round, r.Rows = l.name, p.name, m.round, written.rows
		m.say("%-36s %-8s %8.2f s  %9.0f rows/s", l.name, p.name, r.Wall.Seconds(), r.rate())
		all = append(all, r)
	}
	if err := b.equal(ctx); err != nil {
		return nil, err
	}
	return all, b.tidy(ctx, l)
}

// written is a backlog that has been written to the log.
type written struct {
	start  string // the start of the last of its slots
	end    string // behind its last change
	marker int64  // the row of the table marker that is committed behind the end
	rows   int64  // changes of rows up to the end
}

// between returns the positions between which a backlog lies.
func (w written) between() (start, end replicator.LSN, err error) {
	if start, err = replicator.ParseLSN(w.start); err == nil {
		end, err = replicator.ParseLSN(w.end)
	}
	return start, end, err
}

// write makes the slots that begin before a backlog, and then writes the backlog.
func (b *bench) write(ctx context.Context, l backlog) (w written, err error) {
	for _, s := range []string{limitSlot, readSlot, textSlot, stagedSlot} {
		if _, err := b.source.Exec(ctx, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", s); err != nil {
			return w, err
		}
	}
	if err := b.source.QueryRow(ctx, "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1", stagedSlot).Scan(&w.start); err != nil {
		return w, err
	}
	b.markers++
	w.marker, w.rows = b.markers, l.rows(b.sizes)
	// The marker is a transaction behind the end, so that a reader which is to stop at
	// the end gets there at once.
	for _, sql := range []string{"SET synchronous_commit = off", "SELECT setseed(0.5)", l.sql(b.sizes), "SET synchronous_commit = on"} {
		if _, err := b.source.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return w, fmt.Errorf("%w in %.80s", err, sql)
		}
	}
	if err := b.source.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&w.end); err != nil {
		return w, err
	}
	if _, err := b.source.Exec(ctx, "INSERT INTO marker VALUES ($1)", w.marker); err != nil {
		return w, err
	}
	for _, c := range []*pgx.Conn{b.source, b.stand} {
		if _, err := c.Exec(ctx, "CHECKPOINT"); err != nil {
			return w, err
		}
	}
	return w, nil
}

// forget makes the slots that outlive a backlog release the log before the next one. A
// walsender decodes from its slot's restart_lsn, which moves only to a snapshot that was
// logged behind the confirmed position; each checkpoint logs one. Without this, these two
// slots would also decode old log, which the newly made slots do not have.
// https://www.postgresql.org/docs/current/view-pg-replication-slots.html
func (b *bench) forget(ctx context.Context) (err error) {
	var last []string
	if b.has(native) {
		if _, err := b.native.Exec(ctx, "ALTER SUBSCRIPTION "+nativeSlot+" ENABLE"); err != nil {
			return err
		}
		defer func() { err = cmp.Or(err, b.rest(ctx)) }()
		last = append(last, nativeSlot)
	}
	if b.has(rowshift) {
		d, err := b.world.Run()
		if err != nil {
			return err
		}
		defer func() { err = cmp.Or(ended(ctx, d, err), b.released(ctx, slot)) }()
		last = append(last, slot)
	}
	if len(last) == 0 {
		return nil
	}
	var from string
	if err := b.source.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&from); err != nil {
		return err
	}
	for range 5 { // a slot moves by one snapshot at a time, and the first may have been logged too early
		if err := b.confirm(ctx, last); err != nil {
			return err
		}
		var gone bool
		err := b.source.QueryRow(ctx, "SELECT bool_and(restart_lsn >= $2::pg_lsn) FROM pg_replication_slots WHERE slot_name = ANY($1)", last, from).Scan(&gone)
		if gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("slots %v keep log from before %s", last, from)
}

// confirm logs a snapshot and waits until the slots are confirmed behind it.
func (b *bench) confirm(ctx context.Context, slots []string) error {
	if _, err := b.source.Exec(ctx, "CHECKPOINT"); err != nil {
		return err
	}
	var at string
	if err := b.source.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&at); err != nil {
		return err
	}
	b.markers++
	if _, err := b.source.Exec(ctx, "INSERT INTO marker VALUES ($1)", b.markers); err != nil {
		return err
	}
	return harness.Await(ctx, patience, "the slots to be confirmed", func() (so bool, err error) {
		err = b.source.QueryRow(ctx, "SELECT bool_and(confirmed_flush_lsn >= $2::pg_lsn) FROM pg_replication_slots WHERE slot_name = ANY($1)", slots, at).Scan(&so)
		return so, err
	})
}

// released waits until nobody reads a slot.
func (b *bench) released(ctx context.Context, slot string) error {
	return harness.Await(ctx, patience, "slot "+slot+" to rest", func() (rests bool, err error) {
		err = b.source.QueryRow(ctx, "SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1", slot).Scan(&rests)
		return rests, err
	})
}

// tidy drops the slots of a backlog and vacuums what the drains have left behind.
func (b *bench) tidy(ctx context.Context, l backlog) error {
	for _, s := range []string{limitSlot, readSlot, textSlot, stagedSlot} {
		if _, err := b.source.Exec(ctx, "SELECT pg_drop_replication_slot($1)", s); err != nil {
			return err
		}
	}
	return b.vacuum(ctx, l.tables)
}

// vacuum vacuums tables wherever they are. The copies into which backlogs are drained are
// packed, as a load leaves them, so that no round can use the room that an earlier one
// has left in their pages.
func (b *bench) vacuum(ctx context.Context, tables []string) error {
	for _, c := range []*pgx.Conn{b.source, b.stand, b.native} {
		if c == nil {
			continue
		}
		in, how := "public.", "(FULL, ANALYZE)"
		switch c {
		case b.stand:
			in = "userdata."
		case b.source:
			how = "(ANALYZE)"
		}
		if _, err := c.Exec(ctx, "VACUUM "+how+" "+in+strings.Join(tables, ", "+in)); err != nil {
			return err
		}
	}
	return nil
}

// errUnequal means that what was drained or loaded differs from the source, so that the
// time it took says nothing.
var errUnequal = errors.New("not equal")

// equal compares all rows of all tables in every place to which they were drained, by
// sums that each server computes itself.
func (b *bench) equal(ctx context.Context) error {
	var differ []string
	for _, t := range tables {
		var columns string
		err := b.source.QueryRow(ctx, `SELECT string_agg(quote_ident(attname) || '::text', ', ' ORDER BY attnum) FROM pg_attribute
			WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`, t).Scan(&columns)
		if err != nil {
			return err
		}
		want, err := sum(ctx, b.source, "public."+t, columns)
		if err != nil {
			return err
		}
		for _, place := range []struct {
			peer string
			conn *pgx.Conn
			name string
		}{{rowshift, b.stand, "userdata." + t}, {native, b.native, "public." + t}} {
			if !b.has(place.peer) {
				continue
			}
			got, err := sum(ctx, place.conn, place.name, columns)
			if err != nil {
				return err
			}
			if got != want {
				differ = append(differ, fmt.Sprintf("%s has %s, the source %s", place.name, got, want))
			}
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("%w: %s", errUnequal, strings.Join(differ, "; "))
	}
	return nil
}

// sum returns the number of a table's rows and the sum of their hashes.
func sum(ctx context.Context, c *pgx.Conn, table, columns string) (s string, err error) {
	err = c.QueryRow(ctx, fmt.Sprintf("SELECT count(*) || ' rows of sum ' || coalesce(sum(hashtextextended(ROW(%s)::text, 0)), 0) FROM %s", columns, table)).Scan(&s)
	return s, err
}
