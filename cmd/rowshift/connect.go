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

// deadAfter is how long a link that is gone without a word may look alive. Keepalives
// in a quarter of it also keep firewalls from forgetting the connection.
// https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-firewall-guidance.html
const deadAfter = time.Minute

// blank is what each connection begins with. pgx makes a config only by reading what libpq
// would: variables of the environment and files in the home, of which some fail each
// connect and others change it. It is made before anything else runs beside it, for it
// takes the variables away meanwhile; the config may name one as "${PGPASSWORD}".
var blank = newBlank()

// newBlank returns a config that has nothing of the environment and of the home. A service
// of libpq's, once it is named, cannot be taken back by what the connection string says, so
// the variables have to be gone; of files the empty names are no files. TLS is set by
// connect, without the fallback that other modes than disable have.
func newBlank() *pgx.ConnConfig {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "PG") {
			os.Unsetenv(name)
			defer os.Setenv(name, value)
		}
	}
	c, err := pgx.ParseConfig("postgres://nobody@localhost/nothing?sslmode=disable&sslrootcert=&sslcert=&sslkey=&passfile=")
	if err != nil {
		panic(err) // it is always the same
	}
	return c
}

// connect returns what a new connection to d needs, as it is now: the password and
// the certificates are read anew, and the host's name will be resolved anew.
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

// tls returns nil if there is none, else what verifies the server's certificate and
// its name, as libpq's verify-full does.
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
