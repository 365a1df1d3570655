package redshifttest

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Isolation is the isolation level of a database.
// https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
type Isolation string

// The isolation levels. Snapshot is what new clusters have.
const (
	Snapshot     Isolation = "snapshot"
	Serializable Isolation = "serializable"
)

// Options configure a server.
type Options struct {
	Listen    string            // 127.0.0.1:0 if empty
	Postgres  string            // superuser's DSN of the backing server; its own schema and roles are made there
	Database  string            // dev if empty
	Isolation Isolation         // of the database; if empty, what it has, and Snapshot for a new one
	Users     map[string]string // passwords by name; dev with password dev if empty. dev is a superuser
	Roles     []string          // ARNs that COPY may name; any if empty
	TLS       *tls.Config       // nil: no TLS
	Faults    []Fault

	// Record is called with the text of each request that a client sends, which may be
	// several statements, and the application name of its session. That is before the
	// request is read, so it may still be refused.
	Record                   func(application, statement string)
	RequireTLS               bool          // refuse clients that do not ask for TLS
	MaxFailedLogins          int           // wrong passwords in a row that lock a user; 5 if 0
	IdleTimeout              time.Duration // end sessions that are idle for this long; a user's SESSION TIMEOUT takes precedence; 0: never
	IdleInTransactionTimeout time.Duration // end sessions that are idle in a transaction for this long; 0: never
	CommitLatency            time.Duration // how long each commit of a change takes; commits wait for each other
	RowCost                  time.Duration // how long each row that is written takes

	S3Endpoint, S3Region, S3AccessKey, S3SecretKey string
}

// BackingMajor is the oldest major version of PostgreSQL on which a stand-in can run.
const BackingMajor = 15

// Server is a running stand-in.
type Server struct {
	options  Options
	listener net.Listener
	backing  *pgx.ConnConfig
	faults   faults
	store    s3
	log      logbook
	copies   atomic.Int64 // the number of the last COPY

	address string

	mu          sync.Mutex
	connections map[net.Conn]bool
	sessions    map[int]*session
	ghosts      map[*session]func() // the ghosts (see haunt), each with what ends it
	credentials map[string]credential
	failed      lockouts
	closed      bool

	controlMu   sync.Mutex
	controlConn *pgx.Conn
	admitted    map[uint32]bool // roles, by OID, that can open a backing session

	resizing     atomic.Bool
	queries      atomic.Int64
	transactions atomic.Int64
	commitQueue  sync.Mutex
	over         chan struct{}  // closed by Close
	listening    sync.WaitGroup // the goroutine that accepts connections, or will once the server is up again
	attended     sync.WaitGroup // connections
}

// The types are made before the catalogue, which asks for their lengths.
var (
	//go:embed backing_types.sql
	typesSQL string
	//go:embed backing_copy.sql
	copySQL string
	//go:embed function.sql
	functionSQL string
	//go:embed backing_session.sql
	sessionSQL string
	//go:embed backing.sql
	backingSQL string
	//go:embed definition.sql
	definitionSQL string
	//go:embed catalogue.sql
	catalogueSQL string
)

// catalogueSchema is where the stand-in keeps what it needs on the backing server.
const catalogueSchema = "redshift_catalog"

// New starts a server. The database may be one that an earlier server has left.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Database == "" {
		o.Database = "dev"
	}
	if len(o.Users) == 0 {
		o.Users = map[string]string{"dev": "dev"}
	}
	config, err := pgx.ParseConfig(o.Postgres)
	if err != nil {
		return nil, fmt.Errorf("redshifttest: %w", err)
	}
	s := &Server{
		options: o, backing: config, connections: map[net.Conn]bool{}, sessions: map[int]*session{}, ghosts: map[*session]func(){},
		credentials: map[string]credential{}, failed: lockouts{}, admitted: map[uint32]bool{}, over: make(chan struct{}),
	}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("redshifttest: prepare the backing server: %w", err)
	}
	for _, f := range o.Faults {
		s.faults.inject(f)
	}
	if s.listener, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("redshifttest: %w", err)
	}
	s.address = s.listener.Addr().String()
	s.listening.Go(func() { s.serve(s.listener) })
	return s, nil
}

// prepare makes the database, the roles and the catalogue.
func (s *Server) prepare(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.backing)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+quote(s.options.Database)); err != nil && !hasCode(err, "42P04") {
		return err
	}
	own := s.backing.Copy()
	own.Database = s.options.Database
	inside, err := pgx.ConnectConfig(ctx, own)
	if err != nil {
		return err
	}
	defer inside.Close(context.WithoutCancel(ctx))
	if _, err := inside.PgConn().Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+catalogueSchema+";\n"+typesSQL+functionSQL+definitionSQL+copySQL+backingSQL+catalogueSQL+sessionSQL).ReadAll(); err != nil {
		return err
	}
	if err := s.countOn(ctx, inside); err != nil {
		return err
	}
	if s.options.Isolation != "" {
		if _, err := inside.Exec(ctx, "ALTER DATABASE "+quote(s.options.Database)+" SET redshift.isolation TO "+text(string(s.options.Isolation))); err != nil {
			return err
		}
	}
	for _, user := range slices.Sorted(maps.Keys(s.options.Users)) {
		if err := s.putUser(ctx, inside, user, s.options.Users[user]); err != nil {
			return err
		}
	}
	if _, listed := s.options.Users["dev"]; listed {
		_, err = inside.Exec(ctx, "ALTER ROLE dev SUPERUSER")
	}
	return err
}

func hasCode(err error, code string) bool {
	var p *pgconn.PgError
	return errors.As(err, &p) && p.Code == code
}

// Addr returns the address on which the server listens.
func (s *Server) Addr() string { return s.address }

// Inject makes something go wrong from now on.
func (s *Server) Inject(f Fault) *Injected { return s.faults.inject(f) }

// Session is a client's session.
type Session struct {
	PID           int
	User          string
	Application   string
	InTransaction bool
}

// Sessions returns the open sessions, ordered by PID.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Session
	for _, pid := range slices.Sorted(maps.Keys(s.sessions)) {
		c := s.sessions[pid]
		all = append(all, Session{PID: pid, User: c.user, Application: c.application, InTransaction: c.inTransaction.Load()})
	}
	return all
}

// serve takes connections.
func (s *Server) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		open := !s.closed
		if open {
			s.attended.Add(1)
			s.connections[conn] = true
		}
		s.mu.Unlock()
		if !open {
			_ = conn.Close()
			continue
		}
		go func() {
			defer s.attended.Done()
			s.attend(conn)
		}()
	}
}
