package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"rowshift/test/freeport"
	"rowshift/test/scratch"
	"rowshift/test/sessions"
)

// Server is a running (or stopped) PostgreSQL. Its methods are safe for concurrent use,
// except that Stop, Restart and Close may not run at the same time as each other.
type Server struct {
	// Host and Port are the address for TCP clients. They do not change.
	Host string
	Port int
	// Dir is the server's folder, which also holds the unix socket.
	Dir string
	// CAFile is the PEM file to verify the server with; it is empty without TLS.
	CAFile string

	options  Options
	binaries binaries
	owner    owner
	folder   *scratch.Folder
	kept     sessions.Pool

	mu      sync.Mutex
	process *process
	names   int // number of databases made, for their names
}

// New starts a server. ctx bounds the start only: the server runs until Close.
func New(ctx context.Context, options Options) (*Server, error) {
	options = options.withDefaults()
	o, err := findOwner()
	if err != nil {
		return nil, err
	}
	f, err := makeFolder(o)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	s := &Server{Host: "127.0.0.1", Dir: f.Path, options: options, owner: o, folder: f}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, f.Remove())
	}
	if err := s.startSomewhere(ctx); err != nil {
		return nil, errors.Join(err, f.Remove())
	}
	return s, nil
}

// prepare finds the binaries and makes everything in the folder. Only the port is chosen
// later.
func (s *Server) prepare(ctx context.Context) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	lock, err := lockCache(cache)
	if err != nil {
		return err
	}
	s.binaries, err = findBinaries(ctx, s.options, s.owner)
	if err == nil {
		err = makeData(ctx, s.binaries, s.owner, s.Dir, s.options.OwnIdentity)
	}
	if err := errors.Join(err, lock.Close()); err != nil {
		return err
	}
	if s.options.TLS {
		s.CAFile = filepath.Join(s.Dir, "ca.crt")
		if err := writeCertificates(s.Dir, s.owner); err != nil {
			return err
		}
	}
	return s.configure()
}

// configure replaces the files that initdb wrote.
func (s *Server) configure() error {
	var conf strings.Builder
	settings := s.options.settings(s.Dir)
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	hba := strings.Join(s.options.hba(), "\n") + "\n"
	data := filepath.Join(s.Dir, "data")
	return errors.Join(
		os.WriteFile(filepath.Join(data, "postgresql.conf"), []byte(conf.String()), 0o600),
		os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(hba), 0o600))
}

// startSomewhere starts the server on a free port, and tries another one if somebody
// takes it first.
func (s *Server) startSomewhere(ctx context.Context) error {
	const tries = 5
	for try := 1; ; try++ {
		port, err := freeport.Port()
		if err != nil {
			return err
		}
		s.Port = port
		err = s.start(ctx)
		if err == nil || try == tries || !strings.Contains(err.Error(), "could not bind") {
			return err
		}
	}
}

func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.StartTimeout)
	defer cancel()
	p, err := launch(ctx, s.binaries, s.owner, s.Dir, s.Port)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	return nil
}

// Stop stops the server in the given mode and waits until it is gone. A stopped server
// keeps its folder and port for Restart.
func (s *Server) Stop(mode Mode) error {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	s.kept.Close()
	return p.stop(mode)
}

// Restart stops the server, if it runs, and starts it again with the same data and port.
// With Immediate the server recovers as after a crash.
func (s *Server) Restart(mode Mode) error {
	if err := s.Stop(mode); err != nil {
		return err
	}
	return s.start(context.Background())
}

// Close stops the server at once and removes its folder.
func (s *Server) Close() error {
	return errors.Join(s.Stop(Immediate), s.folder.Remove())
}

// Pid returns the id of the server's first process, the parent of all others, or 0 while
// it is stopped.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.proc.Pid
}

// Major returns the major version of the server that New would start.
func Major(ctx context.Context, options Options) (int, error) {
	o, err := findOwner()
	if err != nil {
		return 0, err
	}
	b, err := findBinaries(ctx, options.withDefaults(), o)
	return b.major, err
}

// Major returns the server's major version.
func (s *Server) Major() int { return s.binaries.major }

// Program returns the path of one of PostgreSQL's programs, in the server's own version
// if it is beside the server.
func (s *Server) Program(name string) (string, error) {
	beside := filepath.Join(s.binaries.dir, name)
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("pgtest: %w: install PostgreSQL's programs (Debian: apt-get install postgresql)", err)
	}
	return path, nil
}

// DSN returns a URL for a database. The database "postgres" always exists.
func (s *Server) DSN(db string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(Superuser, Password),
		Host: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), Path: "/" + db,
	}
	if s.CAFile != "" {
		u.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {s.CAFile}}.Encode()
	} else {
		u.RawQuery = "sslmode=disable"
	}
	return u.String()
}

// Log returns what the server has written so far.
func (s *Server) Log() string {
	text, err := os.ReadFile(filepath.Join(s.Dir, logName))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
