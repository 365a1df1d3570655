package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator/postgres"
	"rowshift/test/harness"
	"rowshift/test/pgtest"
)

// snapshot is the name of the part that reads a whole table.
const snapshot = "snapshot"

// taking is what one way of reading the table took in a round.
type taking struct {
	Peer string        `json:"peer"`
	Rows int64         `json:"rows"`
	Wall time.Duration `json:"wall"`
	Own  usage         `json:"own"`
}

func (t taking) rate() float64 { return float64(t.Rows) / t.Wall.Seconds() }

// taker is one way of reading the table.
type taker struct {
	name string
	take func(ctx context.Context, w *harness.World, stand *pgx.Conn, profiles string) (usage, error)
}

// The others are compared with alone, and rowshift with piped and keyed.
const (
	alone = "COPY, text"
	piped = "psql | psql"
	keyed = "psql | psql, a key"
)

// takers returns all ways, in the order of the table. The first is the most that one
// session can send in text.
func takers() []taker {
	all := []taker{
		{alone, byCopy(copyTask{Format: postgres.Text})},
		{"COPY, binary", byCopy(copyTask{Format: postgres.Binary})},
	}
	for _, staged := range []bool{false, true} {
		for _, format := range []postgres.Format{postgres.Text, postgres.Binary} {
			for _, workers := range []int{1, 2} {
				name := fmt.Sprintf("read, %s, %d", format, workers)
				if staged {
					name = strings.Replace(name, "read", "staged", 1)
				}
				all = append(all, taker{name, byCopy(copyTask{Format: format, Workers: workers, Staged: staged})})
			}
		}
	}
	return append(all, taker{piped, byPipe(pipedTable)}, taker{keyed, byPipe(keyedTable)}, taker{rowshift, byLoad})
}

// measureSnapshots reads the table in each way, in a new world for each round: a first
// load happens only once.
func measureSnapshots(ctx context.Context, m *measurement) error {
	for m.next() {
		found, err := m.snapshots(ctx)
		if err != nil {
			return err
		}
		if err := m.keep(found); err != nil {
			return err
		}
	}
	return nil
}

func (m *measurement) snapshots(ctx context.Context) (found []taking, err error) {
	s := sizes{scale: m.scale}
	w, err := harness.Open(ctx, harness.Setup{
		Source:   pgtest.Options{Settings: settings(), Fsync: true, Least: 15},
		Backing:  pgtest.Options{Settings: settings(), Fsync: true},
		Accounts: harness.Accounts{Companies: 1, Persons: int(s.persons())},
		SQL:      []string{"VACUUM ANALYZE", "CHECKPOINT"},
		Config:   harness.Config{Tables: []string{"public.person: {columns: all}"}, Batch: "{}"}, // as a user gets it by default
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	stand, err := pgx.Connect(ctx, w.Backing.DSN("dev"))
	if err != nil {
		return nil, err
	}
	defer stand.Close(context.Background())
	all := takers()
	for i := range all {
		t := all[(i+m.round-1)%len(all)]
		began := time.Now()
		own, err := t.take(ctx, w, stand, m.profiles)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		took := taking{Peer: t.name, Rows: s.persons(), Wall: time.Since(began), Own: own}
		m.say("%-18s %8.2f s  %9.0f rows/s", t.name, took.Wall.Seconds(), took.rate())
		found = append(found, took)
	}
	return found, sameEverywhere(ctx, w, stand)
}

// sameEverywhere compares the table's rows with those of its copies. It also compares the
// copies that rowshift and the pipe made: they must have the same columns and as many
// checks, and no key or other index.
func sameEverywhere(ctx context.Context, w *harness.World, stand *pgx.Conn) error {
	source, err := pgx.Connect(ctx, w.SourceDSN())
	if err != nil {
		return err
	}
	defer source.Close(context.Background())
	const columns = "id::text, email, full_name, is_active::text, bio, last_seen_at::text"
	want, err := sum(ctx, source, "public.person", columns)
	if err != nil {
		return err
	}
	for _, table := range []string{"userdata.person", "userdata.piped", "userdata.keyed"} {
		got, err := sum(ctx, stand, table, columns)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%w: %s has %s, the source %s", errUnequal, table, got, want)
		}
	}
	var made, pipe string
	if err := stand.QueryRow(ctx, shape, "userdata.person").Scan(&made); err != nil {
		return err
	}
	if err := stand.QueryRow(ctx, shape, "userdata.piped").Scan(&pipe); err != nil {
		return err
	}
	if made != pipe {
		return fmt.Errorf("psql fills a table of %s, and the daemon one of %s", pipe, made)
	}
	return nil
}

// shape returns everything of a table that costs time when rows are written.
const shape = `SELECT string_agg(format('%s %s %s %s', attname, format_type(atttypid, atttypmod), attcollation::regcollation, attnotnull), ', ' ORDER BY attnum) || '; ' ||
	(SELECT count(*) FROM pg_index WHERE indrelid = $1::regclass) || ' indexes, ' || (SELECT count(*) FROM pg_constraint WHERE conrelid = $1::regclass) || ' constraints'
	FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`

// byCopy runs this program again to read the table.
func byCopy(task copyTask) func(context.Context, *harness.World, *pgx.Conn, string) (usage, error) {
	return func(ctx context.Context, w *harness.World, _ *pgx.Conn, profiles string) (usage, error) {
		task.DSN = w.SourceDSN()
		if task.Staged && profiles != "" {
			task.Profile = filepath.Join(profiles, fmt.Sprintf("copy-%s-%d.pprof", task.Format, task.Workers))
		}
		task.Endpoint, task.Region, task.Bucket, task.AccessKey, task.SecretKey = w.S3.Endpoint(), w.S3.Region, w.S3.Bucket, w.S3.AccessKey, w.S3.SecretKey
		return elsewhere(ctx, copyCommand, task)
	}
}

// pipedTable makes a table as the stand-in makes the daemon's: with its checks, and
// without a key or an index, which a table that is only loaded does not get.
func pipedTable(ctx context.Context, loader, _ *pgx.Conn) (string, error) {
	_, err := loader.Exec(ctx, "CREATE TABLE userdata.piped (id VARCHAR(36), email VARCHAR(65535), full_name VARCHAR(65535), is_active BOOLEAN, bio VARCHAR(65535), last_seen_at TIMESTAMPTZ) DISTSTYLE KEY DISTKEY (id)",
		pgx.QueryExecModeSimpleProtocol)
	return "userdata.piped", err
}

// keyedTable makes a table as the source has it and native replication needs it.
func keyedTable(ctx context.Context, _, stand *pgx.Conn) (string, error) {
	_, err := stand.Exec(ctx, "CREATE TABLE userdata.keyed (id uuid PRIMARY KEY, email text, full_name text, is_active boolean, bio text, last_seen_at timestamptz)")
	return "userdata.keyed", err
}

// byPipe has one psql copy the table out, and another copy it into a new table of the
// stand-in's database.
func byPipe(table func(ctx context.Context, loader, stand *pgx.Conn) (string, error)) func(context.Context, *harness.World, *pgx.Conn, string) (usage, error) {
	return func(ctx context.Context, w *harness.World, stand *pgx.Conn, _ string) (u usage, err error) {
		loader, err := pgx.Connect(ctx, w.WarehouseDSN("loader", harness.LoaderPassword))
		if err != nil {
			return u, err
		}
		defer loader.Close(context.Background())
		if _, err := loader.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS userdata", pgx.QueryExecModeSimpleProtocol); err != nil {
			return u, err
		}
		into, err := table(ctx, loader, stand)
		if err != nil {
			return u, err
		}
		return pipe(ctx, w, into)
	}
}

// pipe copies the table into another by two psql.
func pipe(ctx context.Context, w *harness.World, table string) (u usage, err error) {
	psql, err := w.Source.Program("psql")
	if err != nil {
		return u, err
	}
	from := exec.CommandContext(ctx, psql, "--no-psqlrc", "--quiet", "--dbname", w.SourceDSN(), "--command", "COPY public.person TO STDOUT")
	into := exec.CommandContext(ctx, psql, "--no-psqlrc", "--quiet", "--dbname", w.Backing.DSN("dev"), "--command", "COPY "+table+" FROM STDIN")
	from.Stderr, into.Stderr, into.Stdout = os.Stderr, os.Stderr, io.Discard
	if into.Stdin, err = from.StdoutPipe(); err != nil {
		return u, err
	}
	for _, start := range []func() error{from.Start, into.Start, into.Wait, from.Wait} {
		if err := start(); err != nil {
			return u, err
		}
	}
	for _, c := range []*exec.Cmd{from, into} {
		u.CPU += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	return u, nil
}

// byLoad has the daemon load the table for the first time, and measures from its start to
// its end.
func byLoad(ctx context.Context, w *harness.World, _ *pgx.Conn, _ string) (u usage, err error) {
	d, err := w.Run("--once")
	if err != nil {
		return u, err
	}
	return untilEnd(ctx, d)
}

// untilEnd waits for a daemon that ends by itself, and returns what it has cost. It reads
// the daemon's memory until then, since the kernel does not tell it to a parent afterwards.
func untilEnd(ctx context.Context, d *harness.Daemon) (u usage, err error) {
	ended, stop := context.WithCancel(ctx)
	last := make(chan usage)
	go func() {
		var u usage
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ended.Err() == nil {
			if now, err := usageOf(d.Pid()); err == nil { // a process that has just ended has no memory
				u.Peak = max(u.Peak, now.Peak)
			}
			select {
			case <-tick.C:
			case <-ended.Done():
			}
		}
		last <- u
	}()
	code, err := d.Ended(ctx)
	stop()
	u = <-last
	if err != nil || code != 0 {
		return u, fmt.Errorf("the daemon ended with code %d, %w\n%s", code, err, d.Tail(20))
	}
	u.CPU = d.CPU()
	return u, nil
}

// snapshotHeader is the header of the table. README.md explains its columns.
const snapshotHeader = `| | rows/s | of COPY, text | of psql | of psql, a key | own CPU | peak |
| --- | --- | --- | --- | --- | --- | --- |
`

// snapshotTable returns a line for each way of reading the table.
func snapshotTable(rounds [][]taking) string {
	var b strings.Builder
	b.WriteString(snapshotHeader)
	for _, t := range takers() {
		var rates, ofAlone, ofPiped, ofKeyed, cpu []float64
		var peak int64
		for _, r := range rounds {
			at := func(name string) int { return slices.IndexFunc(r, func(t taking) bool { return t.Peer == name }) }
			i := at(t.name)
			if i < 0 {
				continue
			}
			rates = append(rates, r[i].rate())
			cpu = append(cpu, r[i].Own.CPU.Seconds()/float64(r[i].Rows)*1e6)
			peak = max(peak, r[i].Own.Peak)
			against := func(other string, ratios []float64) []float64 {
				if j := at(other); j >= 0 {
					return append(ratios, r[i].rate()/r[j].rate())
				}
				return ratios
			}
			if t.name != alone {
				ofAlone = against(alone, ofAlone)
			}
			if t.name == rowshift {
				ofPiped, ofKeyed = against(piped, ofPiped), against(keyed, ofKeyed)
			}
		}
		if len(rates) == 0 {
			continue
		}
		memory := ""
		if peak > 0 {
			memory = mebibytes(peak)
		}
		fmt.Fprintf(&b, "| %s | %.0f | %s | %s | %s | %.2f s | %s |\n", strings.ReplaceAll(t.name, "|", `\|`), median(rates), ratio(ofAlone), ratio(ofPiped), ratio(ofKeyed), median(cpu), memory)
	}
	return b.String()
}
