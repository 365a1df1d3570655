package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rowshift/test/pgtest"
	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	backing = pgtest.Shared{Options: pgtest.Options{Least: redshifttest.BackingMajor}}
	binary  string // the path of the built command
)

func TestMain(m *testing.M) {
	os.Exit(build(m))
}

// build builds the command, runs the tests and cleans up.
func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "redshift-standin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer backing.Close()
	binary = filepath.Join(dir, "redshift-standin")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// process is a stand-in that runs as a process.
type process struct {
	cmd    *exec.Cmd
	addr   string
	stderr bytes.Buffer
}

// launch starts the command and waits until it is ready.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, append([]string{"--listen", "127.0.0.1:0"}, args...)...)}
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ready := strings.CutPrefix(line, "ready on ")
	if err != nil || !ready {
		_, _ = io.Copy(io.Discard, out)
		_ = p.cmd.Wait()
		t.Fatalf("it printed %q, %v\n%s", line, err, p.stderr.String())
	}
	p.addr = strings.TrimSpace(addr)
	return p
}

// end sends a signal and returns the exit code, which is -1 if the signal killed the
// process.
func (p *process) end(t *testing.T, signal syscall.Signal) int {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// connect opens a session that is closed at the end of the test.
func (p *process) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig("postgres://dev:dev@" + p.addr + "/dev?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.PgConn().Conn().Close() })
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func count(t *testing.T, conn *pgx.Conn, table string) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPsqlConnects(t *testing.T) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("there is no psql")
	}
	p := launch(t, "--postgres", backing.Server(t).DSN("postgres"))
	host, port, _ := strings.Cut(p.addr, ":")
	c := exec.CommandContext(t.Context(), psql, "-X", "-h", host, "-p", port, "-U", "dev", "-At", "-c", "SELECT 1 + 1", "dev")
	c.Env = append(os.Environ(), "PGPASSWORD=dev")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "2\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestEndsAndStartsAgain(t *testing.T) {
	dsn := backing.Server(t).DSN("postgres")
	for n, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			table := fmt.Sprintf("kept_%d", n)
			p := launch(t, "--postgres", dsn)
			execute(t, p.connect(t), "CREATE TABLE "+table+" (id INT)", "INSERT INTO "+table+" VALUES (1)")
			lingering := p.connect(t)
			execute(t, lingering, "BEGIN", "SELECT table_name FROM svv_tables", "DELETE FROM "+table)
			waiting := p.connect(t)
			blocked := make(chan error, 1)
			execute(t, waiting, "BEGIN")
			go func() {
				_, err := waiting.Exec(context.WithoutCancel(t.Context()), "LOCK "+table)
				blocked <- err
			}()
			awaitLock(t, table)
			began := time.Now()
			want := map[syscall.Signal]int{syscall.SIGTERM: exitEnded, syscall.SIGINT: exitEnded, syscall.SIGKILL: -1}[signal]
			if code := p.end(t, signal); code != want {
				t.Errorf("exit code %d, not %d\n%s", code, want, p.stderr.String())
			}
			if err := <-blocked; err == nil {
				t.Error("a session outlived the server")
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v to end", took)
			}
			again := launch(t, "--postgres", dsn)
			if n := count(t, again.connect(t), table); n != 1 {
				t.Errorf("%d rows after the restart; what was committed stays, what was not is gone", n)
			}
			execute(t, again.connect(t), "DROP TABLE "+table)
		})
	}
}

// awaitLock waits until a session waits for a lock of the table.
func awaitLock(t *testing.T, table string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), backing.Server(t).DSN("dev"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass($1)", table).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
	t.Fatal("nobody waits for the lock of " + table)
}

func TestFaultRules(t *testing.T) {
	p := launch(t, "--postgres", backing.Server(t).DSN("postgres"), "--fault", "class=SELECT,nth=2,code=57P01,message=restarted, please wait",
		"--fault", "class=COMMIT,drop,after")
	conn := p.connect(t)
	execute(t, conn, "SELECT 1")
	_, err := conn.Exec(t.Context(), "SELECT 1")
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "57P01" || said.Message != "restarted, please wait" {
		t.Errorf("the second SELECT: %v", err)
	}
	execute(t, conn, "SELECT 1", "BEGIN")
	if _, err := conn.Exec(t.Context(), "COMMIT"); err == nil || errors.As(err, &said) && said.Code == "" {
		t.Errorf("COMMIT: %v; the connection should be gone", err)
	}
}

func TestIsolationAndRole(t *testing.T) {
	p := launch(t, "--postgres", backing.Server(t).DSN("postgres"), "--isolation", "serializable", "--role", "arn:aws:iam::1:role/a")
	conn := p.connect(t)
	execute(t, conn, "CREATE TEMP TABLE t (id INT)")
	_, err := conn.Exec(t.Context(), "COPY t FROM 's3://b/m' IAM_ROLE 'arn:aws:iam::1:role/b' FORMAT AS CSV MANIFEST")
	if err == nil || !strings.Contains(err.Error(), "not authorized to assume IAM Role") {
		t.Errorf("a role that is not on the list: %v", err)
	}
	execute(t, p.connect(t), "CREATE TABLE cycle_a (id INT)", "CREATE TABLE cycle_b (id INT)")
	a, b := p.connect(t), p.connect(t)
	execute(t, a, "BEGIN", "SELECT COUNT(*) FROM cycle_a")
	execute(t, b, "BEGIN", "SELECT COUNT(*) FROM cycle_b", "INSERT INTO cycle_a VALUES (1)")
	execute(t, a, "INSERT INTO cycle_b VALUES (1)", "COMMIT")
	if _, err := b.Exec(t.Context(), "COMMIT"); err == nil || !strings.Contains(err.Error(), "1023") {
		t.Errorf("a cycle of two transactions under serializable isolation: %v", err)
	}
}

func TestTLSAndThePasswordFromTheEnvironment(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{TLS: true, Auth: pgtest.SCRAM, Least: redshifttest.BackingMajor}) // it has a certificate for localhost
	t.Setenv("PGPASSWORD", pgtest.Password)
	dsn := fmt.Sprintf("postgres://%s@%s:%d/postgres?sslrootcert=%s", pgtest.Superuser, server.Host, server.Port, server.CAFile)
	p := launch(t, "--postgres", dsn, "--tls-cert", filepath.Join(server.Dir, "server.crt"), "--tls-key", filepath.Join(server.Dir, "server.key"))
	conn, err := pgx.Connect(t.Context(), "postgres://dev:dev@"+p.addr+"/dev?sslmode=verify-full&sslrootcert="+server.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
}

func TestBadFlags(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no backing server", nil, exitBad, "--postgres"},
		{"an unknown flag", []string{"--postgres", "postgres://h/d", "--port", "1"}, exitBad, "--port"},
		{"an argument", []string{"--postgres", "postgres://h/d", "more"}, exitBad, "more"},
		{"an address", []string{"--postgres", "postgres://h/d", "--listen", "5439"}, exitBad, "--listen"},
		{"a DSN", []string{"--postgres", "postgres://h:x/d"}, exitBad, "--postgres"},
		{"a level", []string{"--postgres", "postgres://h/d", "--isolation", "dirty"}, exitBad, "dirty"},
		{"an endpoint", []string{"--postgres", "postgres://h/d", "--s3-endpoint", "localhost:9000"}, exitBad, "--s3-endpoint"},
		{"a rule", []string{"--postgres", "postgres://h/d", "--fault", "class=COMMIT,nth=often,drop"}, exitBad, "--fault"},
		{"a rule of nothing", []string{"--postgres", "postgres://h/d", "--fault", "class=COMMIT"}, exitBad, "--fault"},
		{"a certificate alone", []string{"--postgres", "postgres://h/d", "--tls-cert", none}, exitBad, "tls-key"},
		{"no such certificate", []string{"--postgres", "postgres://h/d", "--tls-cert", none, "--tls-key", none}, exitBad, "none.pem"},
		{"nobody answers", []string{"--postgres", "postgres://127.0.0.1:1/d"}, exitFailed, "refused"},
		{"taken", []string{"--postgres", backing.Server(t).DSN("postgres"), "--listen", taken(t)}, exitFailed, "in use"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), binary, test.args...)
			var stdout, stderr bytes.Buffer
			c.Stdout, c.Stderr = &stdout, &stderr
			_ = c.Run()
			if code := c.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, not %d", code, test.code)
			}
			if said := stderr.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, test.says) || stdout.Len() > 0 {
				t.Errorf("one line with %q is wanted, not %q, and %q on stdout", test.says, said, stdout.String())
			}
		})
	}
}

// taken returns an address on which somebody listens.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestHelpNamesTheSecretsEnvironment(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &stdout, &stderr); code != exitEnded {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	for _, name := range []string{"PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "--listen", "--postgres", "--s3-endpoint", "--isolation", "--fault", "--role"} {
		if !strings.Contains(stdout.String(), name) {
			t.Errorf("--help does not name %s", name)
		}
	}
}
