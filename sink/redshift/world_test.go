package redshift

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/bucket"
	"rowshift/test/pgtest"
	"rowshift/test/redshifttest"
	"rowshift/test/s3test"
	"rowshift/test/sessions"
	"rowshift/test/surface"
)

const copyRole = "arn:aws:iam::123456789012:role/copy"

// backing is the PostgreSQL behind all stand-ins, objects the bucket of all tests. With a
// database for each test autovacuum would be at work all the time.
var (
	backing = pgtest.Shared{Options: pgtest.Options{Least: redshifttest.BackingMajor, Settings: map[string]string{"autovacuum": "off"}}}
	objects = s3test.Shared{}
	names   atomic.Int64
	opening sync.Mutex // stand-ins that start at once would make the same roles
)

func TestMain(m *testing.M) {
	defer backing.Close()
	defer objects.Close()
	m.Run()
}

// world is a stand-in with a database of its own, a bucket and a stager.
type world struct {
	t        testing.TB
	server   *redshifttest.Server
	s3       *s3test.Server
	stager   *bucket.Stager
	database string
	position replicator.LSN // where the last merge ended
	epoch    replicator.Epoch
	kept     sessions.Pool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s3 := objects.Server(t)
	w := &world{t: t, s3: s3, database: fmt.Sprintf("dev_%d", names.Add(1))}
	var err error
	sent := &surface.Recorder{}
	opening.Lock()
	w.server, err = redshifttest.New(t.Context(), redshifttest.Options{
		Postgres: backing.Server(t).DSN("postgres"), Database: w.database, Roles: []string{copyRole},
		Users:      map[string]string{"dev": "dev", "loader": "loader", "analysts": "analysts"},
		S3Endpoint: s3.Endpoint(), S3Region: s3.Region, S3AccessKey: s3.AccessKey, S3SecretKey: s3.SecretKey,
		Record: sent.Record,
	})
	opening.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.kept.Close()
		if err := errors.Join(w.server.Close(), sent.Check()); err != nil {
			t.Error(err)
		}
	})
	w.stager, err = bucket.New(t.Context(), bucket.Options{
		URL: "s3://" + s3.Bucket + "/" + w.database, Pipeline: "accounts", Region: s3.Region, Endpoint: s3.Endpoint(),
		Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.admin("GRANT CREATE ON DATABASE " + w.database + " TO loader")
	return w
}

// config returns the loader's connection config.
func (w *world) config(user string) func(context.Context) (*pgx.ConnConfig, error) {
	return func(context.Context) (*pgx.ConnConfig, error) {
		return pgx.ParseConfig(fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", user, user, w.server.Addr(), w.database))
	}
}

// warehouse returns a warehouse of pipeline "accounts".
func (w *world) warehouse(alter func(*Options)) *Warehouse {
	w.t.Helper()
	o := Options{Config: w.config("loader"), Pipeline: "accounts", Schema: "public_copy", MetadataSchema: "rowshift_accounts",
		CopyRole: copyRole}
	if alter != nil {
		alter(&o)
	}
	r := New(o)
	w.t.Cleanup(r.Close)
	return r
}

// admin runs statements as the superuser, through the stand-in.
func (w *world) admin(statements ...string) {
	w.t.Helper()
	for _, s := range statements {
		w.ask(s)
	}
}

// ask returns the rows of a query, columns joined by "|", NULL as "~".
func (w *world) ask(sql string) []string {
	w.t.Helper()
	config, err := w.config("dev")(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.query(config, sql)
}

// below asks the server behind the stand-in directly.
func (w *world) below(sql string) []string {
	w.t.Helper()
	config, err := pgx.ParseConfig(backing.Server(w.t).DSN(w.database))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.query(config, sql)
}

func (w *world) query(config *pgx.ConnConfig, sql string) []string {
	w.t.Helper()
	var results []*pgconn.Result
	err := w.kept.With(w.t.Context(), config.ConnString(), func(conn *pgx.Conn) (err error) {
		results, err = conn.PgConn().Exec(w.t.Context(), sql).ReadAll()
		return err
	})
	if err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	rows := []string{}
	for _, r := range results[0].Rows {
		var columns []string
		for _, c := range r {
			if c == nil {
				columns = append(columns, "~")
				continue
			}
			columns = append(columns, string(c))
		}
		rows = append(rows, strings.Join(columns, "|"))
	}
	return rows
}

// eventually waits for a condition.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			w.t.Fatal("not in time: " + what)
		case <-tick.C:
		}
	}
}

// fence takes over with tables that are live.
func (w *world) fence(r *Warehouse, tables ...*schema.Table) replicator.Checkpoint {
	w.t.Helper()
	c, err := r.Fence(w.t.Context(), first(tables...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.epoch, w.position = c.Epoch, c.LSN
	return c
}

// first is the checkpoint of a pipeline that begins.
func first(tables ...*schema.Table) replicator.Checkpoint {
	c := replicator.Checkpoint{Pipeline: "accounts", Phase: replicator.Creating, LSN: 100, System: "7300000000000000001",
		Timeline: 1, Database: "app", Slot: "rowshift", Publication: replicator.PublicationID{OID: 16400, XMin: 700}}
	for _, t := range tables {
		c.Tables = append(c.Tables, replicator.TableState{OID: t.OID, Name: t.Configured, Target: t.Target, State: replicator.Live, Shape: t.Shape()})
	}
	return c
}

// make makes the targets, empty.
func (w *world) make(r *Warehouse, tables ...*schema.Table) {
	w.t.Helper()
	for i, t := range tables {
		w.loadFiles(r, fmt.Sprintf("load_0_%d_%d", i, t.OID), t, replicator.StagedLoad{})
	}
}

// loadState returns the state of a load with that load table.
func loadState(into string) replicator.LoadState {
	return replicator.LoadState{Into: into, Held: "held_" + strings.TrimPrefix(into, "load_"), Loaded: true}
}

// joining lets a table join from a load table.
func joining(t *schema.Table, into string) []replicator.Join {
	l := loadState(into)
	return []replicator.Join{{Table: t, From: l.Into, Held: l.Held}}
}

// loadFiles loads files into a load table, with what a load needs besides.
func (w *world) loadFiles(r *Warehouse, into string, t *schema.Table, f replicator.StagedLoad) {
	w.t.Helper()
	l := loadState(into)
	if err := r.Hold(w.t.Context(), l.Held, t); err != nil {
		w.t.Fatal(err)
	}
	if err := w.bring(r, l, t, f); err != nil {
		w.t.Fatal(err)
	}
}

// bring makes a load table and copies files into it.
func (w *world) bring(r *Warehouse, l replicator.LoadState, t *schema.Table, f replicator.StagedLoad) error {
	if err := r.MakeLoad(w.t.Context(), w.epoch, t, l); err != nil {
		return err
	}
	return r.Load(w.t.Context(), l, t, f)
}
