package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
)

// deadAfter is how long a link that is gone without a word may look alive. Keepalives
// in a quarter of it also keep firewalls from forgetting the connection.
// https://docs.aws.amazon.com/redshift/latest/mgmt/connecting-firewall-guidance.html
const deadAfter = time.Minute

// connect returns what a new connection to d needs, as it is now: the password and
// the certificates are read anew, and the host's name will be resolved anew. What
// PG* variables of the environment say is not heard.
func (d database) connect(context.Context) (*pgx.ConnConfig, error) {
	u := url.URL{
		Scheme: "postgres", User: url.User(d.user), Path: "/" + d.name,
		Host:     net.JoinHostPort(d.host, fmt.Sprint(d.port)),
		RawQuery: "sslmode=disable", // TLS is set below, without the fallback that other modes have
	}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	c.Fallbacks = nil
	c.RuntimeParams = map[string]string{}
	c.ValidateConnect = nil
	c.ConnectTimeout = d.timeout
	c.Password = ""
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
