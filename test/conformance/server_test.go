package conformance

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rowshift/test/pgtest"
	"rowshift/test/redshifttest"
	"rowshift/test/s3test"
	"rowshift/test/surface"

	"github.com/jackc/pgx/v5"
)

// place is a server to try, with a schema and a folder for this run.
type place struct {
	url    string
	real   bool // not the stand-in
	schema string
	role   string
	bucket *bucketFolder // nil if there is none: what needs COPY is skipped
	sent   surface.Recorder
}

// server is a place as one behaviour sees it.
type server struct {
	*place
	t        *testing.T
	ctx      context.Context // ends when the behaviour has taken too long
	files    string          // URL of the behaviour's folder, without a slash at the end
	sessions map[string]*pgx.Conn
	notTold  string // why a behaviour that was tried shows nothing on this server; empty: it shows something
}

// standInRole is the role that COPY may name on the stand-in.
const standInRole = "arn:aws:iam::123456789012:role/copy"

// open finds the server that the environment names, or starts a stand-in, and makes the
// schema.
func open(t *testing.T) *place {
	t.Helper()
	id := strings.ToLower(rand.Text()[:10])
	p := &place{url: os.Getenv("REDSHIFT_TEST_URL"), role: os.Getenv("REDSHIFT_TEST_ROLE"), schema: "conformance_" + id}
	p.real = p.url != ""
	if !p.real {
		p.startStandIn(t, id)
	} else if at := os.Getenv("REDSHIFT_TEST_BUCKET"); at != "" && p.role != "" {
		p.bucket = openFolder(t, at, id)
	}
	if err := p.execute("CREATE SCHEMA " + p.schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.execute("DROP SCHEMA " + p.schema + " CASCADE"); err != nil {
			t.Errorf("the schema is left behind: %v", err)
		}
	})
	return p
}

func (p *place) startStandIn(t *testing.T, id string) {
	t.Helper()
	s3 := s3test.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s3.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3.SecretKey)
	t.Setenv("AWS_REGION", s3.Region)
	t.Setenv("AWS_ENDPOINT_URL_S3", s3.Endpoint())
	p.role = standInRole
	p.bucket = openFolder(t, "s3://"+s3.Bucket+"/conformance", id)
	stand, err := redshifttest.New(t.Context(), redshifttest.Options{
		Postgres: pgtest.Start(t, pgtest.Options{Least: redshifttest.BackingMajor}).DSN("postgres"), Roles: []string{p.role},
		S3Endpoint: s3.Endpoint(), S3Region: s3.Region, S3AccessKey: s3.AccessKey, S3SecretKey: s3.SecretKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stand.Close(); err != nil {
			t.Error(err)
		}
	})
	p.url = "postgres://dev:dev@" + stand.Addr() + "/dev?sslmode=disable"
}

// config returns how clients of Redshift connect: without preparing statements.
func (p *place) config() (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(p.url)
	if err != nil {
		return nil, err
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.RuntimeParams["client_encoding"] = "UTF8"
	c.RuntimeParams["application_name"] = "conformance"
	return c, nil
}

// patience is how long a statement may take. A small cluster compiles each new one.
const patience = 2 * time.Minute

// connect opens a session, which the caller closes.
func (p *place) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := p.config()
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, c)
}

// execute runs a statement in a session of its own, even after the test has ended.
func (p *place) execute(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// leavesNothing fails if there are schemas, users, groups or roles, other than the run's
// schema, whose names begin with that schema's.
func (p *place) leavesNothing(ctx context.Context) error {
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for column, table := range map[string]string{"nspname": "pg_namespace", "usename": "pg_user", "groname": "pg_group", "role_name": "svv_roles"} {
		results, err := conn.PgConn().Exec(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %[1]s LIKE '%[3]s%%' AND %[1]s <> '%[3]s'", column, table, p.schema)).ReadAll()
		if err != nil {
			return err
		}
		if left, _ := shown(results); len(left) > 0 {
			return fmt.Errorf("left behind in %s are %q", table, left)
		}
	}
	return nil
}

// session returns a session by its name, and opens it if necessary. Its search path is
// the run's schema.
func (s *server) session(name string) *pgx.Conn {
	s.t.Helper()
	if c := s.sessions[name]; c != nil {
		return c
	}
	config, err := s.config()
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(s.ctx, config)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := conn.Exec(s.ctx, "SET search_path TO "+s.schema); err != nil {
		s.t.Fatal(err)
	}
	s.sessions[name] = conn
	return conn
}

// close ends the sessions, and so rolls back what they have begun.
func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, c := range s.sessions {
		_ = c.Close(ctx)
	}
}
