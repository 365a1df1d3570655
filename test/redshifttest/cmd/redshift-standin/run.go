package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"rowshift/test/redshifttest"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"
)

// Exit codes.
const (
	exitEnded  = 0
	exitFailed = 1
	exitBad    = 2
)

// commandLine is the grammar of the command line.
type commandLine struct {
	Listen     string                 `help:"Where to listen; port 0 takes a free one." default:"127.0.0.1:5439" placeholder:"HOST:PORT"`
	Postgres   string                 `help:"The backing PostgreSQL, as superuser. What it leaves out comes from PGHOST, PGPASSWORD and the like, and a password belongs there." required:"" placeholder:"DSN"`
	S3Endpoint string                 `name:"s3-endpoint" help:"Server with S3's interface that COPY reads from; Amazon's if there is none. Keys and region come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION." placeholder:"URL"`
	Isolation  redshifttest.Isolation `help:"The database's level: snapshot, which a new one has, or serializable; the one that it had if there is none." enum:"snapshot,serializable," default:"" placeholder:"LEVEL"`
	Fault      []string               `help:"Something that goes wrong, such as class=COMMIT,nth=3,drop=after. May be repeated." sep:"none" placeholder:"RULE"`
	Role       []string               `help:"A role that COPY may name; any if there is none. May be repeated." sep:"none" placeholder:"ARN"`
	TLSCert    string                 `name:"tls-cert" help:"Certificate for TLS, PEM." type:"path" placeholder:"FILE" and:"tls"`
	TLSKey     string                 `name:"tls-key" help:"Its key, PEM." type:"path" placeholder:"FILE" and:"tls"`
}

// run serves until ctx ends and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var line commandLine
	if code, done := parse(&line, args, stdout, stderr); done {
		return code
	}
	options, err := line.options()
	if err != nil {
		return told(stderr, exitBad, err)
	}
	server, err := redshifttest.New(ctx, options)
	if err != nil {
		return told(stderr, exitFailed, err)
	}
	fmt.Fprintln(stdout, "ready on", server.Addr())
	<-ctx.Done()
	if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return told(stderr, exitFailed, err)
	}
	return exitEnded
}

// told prints an error on one line and returns code.
func told(stderr io.Writer, code int, err error) int {
	fmt.Fprintln(stderr, "redshift-standin:", strings.Join(strings.Fields(err.Error()), " "))
	return code
}

// exit is the exit code with which the parser panics when there is nothing left to do, as
// after --help.
type exit int

// parse reads the command line. done means that the process has nothing left to do but to
// exit with code.
func parse(line *commandLine, args []string, stdout, stderr io.Writer) (code int, done bool) {
	parser, err := kong.New(line,
		kong.Name("redshift-standin"),
		kong.Description("A stand-in for Amazon Redshift on the PostgreSQL wire: user dev, password dev, database dev."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
	)
	if err != nil {
		return told(stderr, exitBad, err), true
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit:
			code, done = int(r), true
		default:
			panic(r)
		}
	}()
	if _, err := parser.Parse(args); err != nil {
		return told(stderr, exitBad, fmt.Errorf("%w; see redshift-standin --help", err)), true
	}
	return 0, false
}

// options checks the values and returns the server's options.
func (l *commandLine) options() (redshifttest.Options, error) {
	o := redshifttest.Options{
		Listen: l.Listen, Postgres: l.Postgres, Isolation: l.Isolation, Roles: l.Role, S3Endpoint: l.S3Endpoint,
		S3Region:    cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1"),
		S3AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), S3SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
	}
	if _, err := net.ResolveTCPAddr("tcp", l.Listen); err != nil {
		return o, fmt.Errorf("--listen: %w", err)
	}
	if _, err := pgx.ParseConfig(l.Postgres); err != nil {
		return o, fmt.Errorf("--postgres: %w", err)
	}
	if err := checkURL(l.S3Endpoint); err != nil {
		return o, fmt.Errorf("--s3-endpoint: %w", err)
	}
	for _, rule := range l.Fault {
		f, err := redshifttest.ParseFault(rule)
		if err != nil {
			return o, fmt.Errorf("--fault: %w", err)
		}
		o.Faults = append(o.Faults, f)
	}
	if l.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(l.TLSCert, l.TLSKey)
		if err != nil {
			return o, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	return o, nil
}

// checkURL checks the address of an S3 server, which may be empty.
func checkURL(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is no http:// or https:// URL", address)
	}
	return nil
}
