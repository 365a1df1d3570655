package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// deadAfter is how long a connection whose peer has vanished may look alive. Keepalives
// at a quarter of it also keep firewalls from forgetting the connection.
// https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-firewall-guidance.html
const deadAfter = time.Minute

// blank is the config that each connection starts from. pgx insists on making it itself,
// and reads what libpq would read: environment variables and files in the home
// directory, some of which make every connect fail and others change it. blank is made
// before any other goroutine runs, because newBlank removes the variables for a moment,
// and the config may refer to one of them, as "${PGPASSWORD}".
var blank = newBlank()

// newBlank returns a config without anything from the environment and the home
// directory. It has to remove the variables, because a connection string cannot undo a
// libpq service once one is named. Empty file names stand for no files. TLS is off,
// because the other modes would add a fallback; connect sets it.
func newBlank() *pgx.ConnConfig {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "PG") {
			os.Unsetenv(name)
			defer os.Setenv(name, value)
		}
	}
	c, err := pgx.ParseConfig("postgres://nobody@localhost/nothing?sslmode=disable&sslrootcert=&sslcert=&sslkey=&passfile=")
	if err != nil {
		panic(err) // its input is constant, so this would fail for everybody
	}
	return c
}

// connect returns the config for a new connection. It reads the password and the
// certificates each time, and leaves the host's name to be resolved again.
func (d database) connect(context.Context) (*pgx.ConnConfig, error) {
	c := blank.Copy()
	c.Host, c.Port, c.User, c.Database = d.host, d.port, d.user, d.name
	c.ConnectTimeout = d.timeout
	var err error
	if d.password.isSet() {
		if c.Password, err = d.password.read(); err != nil {
			return nil, fmt.Errorf("the password %w", err)
		}
	}
	dialer := &net.Dialer{Control: userTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: deadAfter / 4, Interval: deadAfter / 4, Count: 3,
	}}
	c.DialFunc = dialer.DialContext
	c.TLSConfig, err = d.tls()
	return c, err
}

// tls returns nil for a database without TLS, and otherwise a config that verifies the
// server's certificate and name, as libpq's verify-full does.
func (d database) tls() (*tls.Config, error) {
	if d.plain {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: d.host}
	if d.ca == "" {
		return c, nil
	}
	pool, err := readCertificates(d.ca)
	if err != nil {
		return nil, fmt.Errorf("the certificates of %s: %s", d.ca, reasonOf(err))
	}
	c.RootCAs = pool
	return c, nil
}
