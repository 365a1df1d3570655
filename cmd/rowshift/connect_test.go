package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // its certificate, in PEM
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return authority{key: key, cert: cert, file: file}
}

// sign returns a server's certificate for 127.0.0.1, changed by change.
func (a authority) sign(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// answering is a server that answers a request for TLS with one byte and then, if
// that was S, speaks TLS. It notes what arrived in clear beside the request, and
// whether a start-up message arrived through TLS.
type answering struct {
	address string
	clear   atomic.Int64
	started atomic.Bool
}

func newAnswering(t *testing.T, answer byte, config *tls.Config) *answering {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &answering{address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c, answer, config)
		}
	}()
	return s
}

// sslRequest is the code by which a client asks for TLS.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
const sslRequest = 80877103

func (s *answering) serve(c net.Conn, answer byte, config *tls.Config) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	var request [8]byte
	if _, err := io.ReadFull(c, request[:]); err != nil {
		return
	}
	if binary.BigEndian.Uint32(request[4:]) != sslRequest {
		s.clear.Add(8)
		return
	}
	if _, err := c.Write([]byte{answer}); err != nil {
		return
	}
	if answer != 'S' {
		n, _ := io.Copy(io.Discard, c)
		s.clear.Add(n)
		return
	}
	secured := tls.Server(c, config)
	if n, err := secured.Read(make([]byte, 64)); err == nil && n > 0 {
		s.started.Store(true)
	}
}

// dial connects as the rooms do.
func dial(t *testing.T, address, ca string) error {
	t.Helper()
	c := load(t, strings.Replace(goodConfig, "postgres://rowshift@db.internal/app", "postgres://rowshift@"+address+"/app?connect_timeout=5\n  ca: "+ca, 1))
	config, err := c.source.connect(t.Context())
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err == nil {
		_ = conn.Close(t.Context())
	}
	return err
}

// TestBadCertificatesAreRefused lets no byte of the start-up message out, in clear or
// in TLS, to a server that cannot prove who it is.
func TestBadCertificatesAreRefused(t *testing.T) {
	good, stranger := newAuthority(t), newAuthority(t)
	same := func(*x509.Certificate) {}
	for _, c := range []struct {
		name   string
		answer byte
		config *tls.Config
		says   string
	}{
		{"no TLS", 'N', nil, "TLS"},
		{"an error", 'E', nil, ""},
		{"unknown authority", 'S', &tls.Config{Certificates: []tls.Certificate{stranger.sign(t, same)}}, "unknown authority"},
		{"another host", 'S', &tls.Config{Certificates: []tls.Certificate{good.sign(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} })}}, "127.0.0.2"},
		{"a common name only", 'S', &tls.Config{Certificates: []tls.Certificate{good.sign(t, func(c *x509.Certificate) { c.IPAddresses, c.Subject.CommonName = nil, "127.0.0.1" })}}, "Common Name"},
		{"expired", 'S', &tls.Config{Certificates: []tls.Certificate{good.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}}, "expired"},
		{"not yet valid", 'S', &tls.Config{Certificates: []tls.Certificate{good.sign(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })}}, "not yet valid"},
		{"of a client", 'S', &tls.Config{Certificates: []tls.Certificate{good.sign(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}}, "usage"},
		{"TLS 1.1", 'S', &tls.Config{Certificates: []tls.Certificate{good.sign(t, same)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "version"},
	} {
		s := newAnswering(t, c.answer, c.config)
		err := dial(t, s.address, good.file)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want an error with %q", c.name, err, c.says)
		}
		if strings.Contains(oneLine(err), canary) {
			t.Errorf("%s: the password is told: %v", c.name, err)
		}
		if n := s.clear.Load(); n != 0 || s.started.Load() {
			t.Errorf("%s: %d bytes in clear, start-up through TLS: %v", c.name, n, s.started.Load())
		}
	}
}

// TestGoodCertificateIsTaken shows that the server of the test above can be reached.
func TestGoodCertificateIsTaken(t *testing.T) {
	a := newAuthority(t)
	s := newAnswering(t, 'S', &tls.Config{Certificates: []tls.Certificate{a.sign(t, func(*x509.Certificate) {})}})
	if err := dial(t, s.address, a.file); err == nil {
		t.Error("a server that says nothing was connected to")
	}
	if !s.started.Load() {
		t.Error("no start-up message came through TLS")
	}
}

// heard is all that pgx takes from the environment, with values that it refuses or that
// would lead it elsewhere.
var heard = map[string]string{
	"PGHOST": "evil,worse", "PGPORT": "1,2", "PGUSER": "evil", "PGPASSWORD": "evil", "PGDATABASE": "evil", "PGPASSFILE": "/nowhere", "PGAPPNAME": "evil",
	"PGCONNECT_TIMEOUT": "abc", "PGSSLMODE": "bogus", "PGSSLKEY": "/nowhere", "PGSSLCERT": "/nowhere", "PGSSLCERTMODE": "bogus", "PGSSLSNI": "bogus",
	"PGSSLROOTCERT": "/nowhere", "PGSSLPASSWORD": "evil", "PGSSLNEGOTIATION": "direct", "PGTARGETSESSIONATTRS": "bogus", "PGSERVICE": "evil", "PGSERVICEFILE": "/nowhere",
	"PGTZ": "Asia/Kathmandu", "PGOPTIONS": "-c evil=on", "PGMINPROTOCOLVERSION": "bogus", "PGMAXPROTOCOLVERSION": "3.2", "PGCHANNELBINDING": "bogus", "PGREQUIREAUTH": "bogus",
}

// TestEnvironmentIsNotHeard sets what libpq would listen to, each alone and all at once,
// and has files in the home that it would read.
func TestEnvironmentIsNotHeard(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.Mkdir(filepath.Join(home, ".postgresql"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		".pgpass": "*:*:*:*:evil", ".pg_service.conf": "[evil]\nhost=evil\n", ".postgresql/root.crt": "evil", ".postgresql/postgresql.crt": "evil", ".postgresql/postgresql.key": "evil",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	notHeard(t)
	for name, value := range heard {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			notHeard(t)
		})
	}
	for name, value := range heard {
		t.Setenv(name, value)
	}
	notHeard(t)
}

// notHeard fails if a process that begins with the environment of now connects otherwise
// than the config says.
func notHeard(t *testing.T) {
	t.Helper()
	before := os.Environ()
	whole := blank
	defer func() { blank = whole }()
	blank = newBlank()
	if now := os.Environ(); len(now) != len(before) || os.Getenv("PGHOST") != lookup(before, "PGHOST") {
		t.Errorf("the environment is another: %q", now)
	}
	c := load(t, strings.Replace(goodConfig, "  password: ${ROWSHIFT_TEST_PASSWORD}\n  slot", "  slot", 1))
	got, err := c.source.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != "db.internal" || got.Port != 5432 || got.User != "rowshift" || got.Password != "" || got.Database != "app" ||
		got.TLSConfig == nil || got.TLSConfig.InsecureSkipVerify || got.TLSConfig.ServerName != "db.internal" || len(got.TLSConfig.NextProtos) != 0 ||
		len(got.RuntimeParams) != 0 || len(got.Fallbacks) != 0 || got.ValidateConnect != nil || got.ConnectTimeout != 10*time.Second ||
		got.SSLNegotiation != "" || got.SSLCertMode != "allow" || got.ChannelBinding != "prefer" || got.RequireAuth != "" ||
		got.MinProtocolVersion != "3.0" || got.MaxProtocolVersion != "3.0" {
		t.Errorf("%+v, %+v", got.Config, got.TLSConfig)
	}
	if got, err = c.warehouse.connect(t.Context()); err != nil || got.Host != "dw.internal" || got.Port != 5439 || got.User != "loader" || got.Database != "dw" {
		t.Errorf("the warehouse: %+v, %v", got, err)
	}
}

// lookup returns a variable's value.
func lookup(environment []string, name string) string {
	for _, entry := range environment {
		if value, is := strings.CutPrefix(entry, name+"="); is {
			return value
		}
	}
	return ""
}
