package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rowshift/test/pgtest"
	"rowshift/test/proxytest"
	"rowshift/test/redshifttest"
	"rowshift/test/s3test"
	"rowshift/test/scratch"
	"rowshift/test/surface"
)

// Setup declares a world.
type Setup struct {
	Source   pgtest.Options       // of the source's server
	Backing  pgtest.Options       // of the server behind the stand-in
	Accounts Accounts             // how many rows the source starts with
	SQL      []string             // more statements for the source, run before the daemon first starts
	Config   Config               // of the daemon
	Redshift redshifttest.Options // of the stand-in; Open fills in addresses and keys
	Race     bool                 // build the daemon with the race detector
	Chance   bool                 // chance decides which statements the daemons send: allow some that are not on the list of test/surface
	Step     func(what string)    // if set, is told what Open is doing
}

// World is a running Setup.
type World struct {
	Source    *pgtest.Server
	Backing   *pgtest.Server // PostgreSQL behind the stand-in
	S3        *s3test.Server
	Link      *proxytest.TCP // proxy between the daemon and the bucket
	Warehouse *redshifttest.Server
	Dir       string // of the config file and the daemons' logs
	Binary    string
	Sent      surface.Recorder // statements that the daemons have sent to the warehouse
	Env       []string         // more NAME=value for the environment of processes that start next

	setup   Setup
	folder  *scratch.Folder // Dir
	daemons []*Daemon
	loads   []*Load
}

// Start makes a world for a test and closes it at the end of the test.
func Start(t testing.TB, s Setup) *World {
	t.Helper()
	w, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, d := range w.daemons {
				t.Logf("daemon %d:\n%s", d.number, d.Tail(80))
			}
		}
		check := w.Sent.Check
		if s.Chance {
			check = w.Sent.Leave
		}
		if err := errors.Join(w.Close(), check()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// Open makes a world. If it fails, or if ctx ends, it closes what it has made.
func Open(ctx context.Context, s Setup) (w *World, err error) {
	if s.Step == nil {
		s.Step = func(string) {}
	}
	w = &World{setup: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if w.folder, err = scratch.New(os.TempDir(), "rowshift-world-"); err != nil {
		return w, err
	}
	w.Dir = w.folder.Path
	s.Step("compiling rowshift")
	if w.Binary, err = Build(ctx, s.Race); err != nil {
		return w, err
	}
	if err = w.openServers(ctx); err != nil {
		return w, err
	}
	s.Step("filling the source")
	if err = execute(ctx, w.Source.DSN("postgres"), "CREATE DATABASE app"); err != nil {
		return w, err
	}
	if err = execute(ctx, w.SourceDSN(), append(s.Accounts.statements(), s.SQL...)...); err != nil {
		return w, err
	}
	return w, w.writeConfig()
}

// openServers starts everything that the daemon talks to.
func (w *World) openServers(ctx context.Context) (err error) {
	step := w.setup.Step
	step("starting PostgreSQL, the source")
	w.setup.Source.Step = step
	if w.Source, err = pgtest.New(ctx, w.setup.Source); err != nil {
		return err
	}
	step("starting an S3 server")
	if w.S3, err = s3test.New(ctx, s3test.Options{Step: step}); err != nil {
		return err
	}
	if w.Link, err = proxytest.NewTCP(w.S3.Address); err != nil {
		return err
	}
	step("starting the Redshift stand-in, on a PostgreSQL of its own")
	w.setup.Backing.Least = max(w.setup.Backing.Least, redshifttest.BackingMajor)
	if w.Backing, err = pgtest.New(ctx, w.setup.Backing); err != nil {
		return err
	}
	return w.openWarehouse(ctx)
}

// CopyRole is the role that the daemon names in COPY and that the stand-in accepts.
const CopyRole = "arn:aws:iam::123456789012:role/copy"

// openWarehouse starts the stand-in, on the databases that an earlier stand-in of this
// world may have left.
func (w *World) openWarehouse(ctx context.Context) (err error) {
	o := w.setup.Redshift
	o.Postgres = w.Backing.DSN("postgres")
	o.S3Endpoint, o.S3Region = w.S3.Endpoint(), w.S3.Region
	o.S3AccessKey, o.S3SecretKey = w.S3.AccessKey, w.S3.SecretKey
	o.Roles = append(o.Roles, CopyRole)
	o.Record = w.Sent.Record
	if o.Users == nil {
		o.Users = map[string]string{"dev": "dev", "loader": LoaderPassword, "analysts": "analysts"}
	}
	w.Warehouse, err = redshifttest.New(ctx, o)
	return err
}

// LoaderPassword is the daemon's password in the warehouse. It is a canary: tests check
// that it is in no log, metric or argument.
const LoaderPassword = "canary-5b1f-loader"

// SourcePassword is the daemon's password in the source, and a canary too.
const SourcePassword = "canary-9c2e-source"

// SourceDSN returns the superuser's URL of the source database.
func (w *World) SourceDSN() string { return w.Source.DSN("app") }

// WarehouseDSN returns a user's URL of the warehouse.
func (w *World) WarehouseDSN(user, password string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/dev?sslmode=disable", user, password, w.Warehouse.Addr())
}

// Close ends the daemons and servers and removes their folders.
func (w *World) Close() error {
	var errs []error
	for _, l := range w.loads {
		_ = l.Stop() // its error concerns only those who stop it themselves
	}
	for _, d := range w.daemons {
		d.Kill()
	}
	if w.Warehouse != nil {
		forget(w.Warehouse.Addr())
		errs = append(errs, w.Warehouse.Close())
	}
	if w.Link != nil {
		w.Link.Close()
	}
	if w.S3 != nil {
		errs = append(errs, w.S3.Close())
	}
	for _, s := range []*pgtest.Server{w.Backing, w.Source} {
		if s != nil {
			forget(fmt.Sprintf("%s:%d", s.Host, s.Port))
			errs = append(errs, s.Close())
		}
	}
	if w.folder != nil {
		errs = append(errs, w.folder.Remove())
	}
	return errors.Join(errs...)
}

// path returns the path of a file of the world.
func (w *World) path(name string) string { return filepath.Join(w.Dir, name) }

// patience is how long a test waits for something that must happen.
const patience = 5 * time.Minute
