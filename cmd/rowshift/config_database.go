package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"rowshift/replicator/postgres"
	"rowshift/schema"
)

// database says how to reach a database.
type database struct {
	host     string
	port     uint16
	user     string
	name     string
	timeout  time.Duration // for one connect
	password secret        // unset if the server asks for none
	plain    bool          // no TLS; otherwise TLS is verify-full
	ca       string        // file of the certificates to verify the server with; empty: the system's
}

// database reads the keys under path, which say how to reach a database.
func (r *reading) database(path string, d databaseDocument, port uint16) database {
	db := r.dsn(path+".dsn", path, d.DSN, port)
	db.password = r.password(path+".password", d.Password)
	mode := r.text(path+".tls", d.TLS, "verify-full")
	insecure := r.boolean(path+".tls_insecure", d.TLSInsecure, false)
	db.plain = mode == "disable"
	switch {
	case mode != "verify-full" && mode != "disable":
		r.add(path+".tls", "is not a way to use TLS", // without a quote: it may be a misplaced password
			"leave it out: the server's certificate and name are then verified; or write disable")
	case db.plain && !insecure && db.host != "" && !isLoopback(db.host):
		r.add(path+".tls", "is disabled, and the host is not on this machine: passwords and rows would cross the network in clear",
			"leave it out; or, where something else encrypts the way, say tls_insecure: true")
	case insecure && !db.plain:
		r.add(path+".tls_insecure", "is true, and TLS is on", "take it out, or add tls: disable")
	}
	db.ca = r.certificates(path+".ca", d.CA)
	if db.ca != "" && db.plain {
		r.add(path+".ca", "is given, and TLS is disabled", "take one of the two out")
	}
	return db
}

// dsn reads the URL of a database. No fault quotes from it, since it may hold a
// password.
func (r *reading) dsn(path, place string, s setting, port uint16) database {
	db := database{port: port, timeout: 10 * time.Second}
	text, ok := r.scalar(path, s, required)
	if !ok {
		return db
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" {
		r.add(path, "is not a URL of a database", "write postgres://user@host:port/database")
		return db
	}
	if _, has := u.User.Password(); has {
		r.add(path, "holds a password", "take it out, and write "+place+`.password as "${ENV}" or file:PATH`)
	}
	db.host, db.user, db.name = u.Hostname(), u.User.Username(), strings.TrimPrefix(u.Path, "/")
	switch {
	case db.host == "" || strings.ContainsAny(db.host, "/, "):
		r.add(path, "does not name one host", "write postgres://user@host:port/database; a DNS name may follow the primary")
		db.host = ""
	case db.user == "":
		r.add(path, "names no user", "write postgres://user@host:port/database")
	case db.name == "" || strings.Contains(db.name, "/"):
		r.add(path, "names no database", "write postgres://user@host:port/database")
	}
	if u.Port() != "" {
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || n == 0 {
			r.add(path, "has a port that is not valid", "write 1 to 65535")
		}
		db.port = uint16(n)
	}
	r.dsnOptions(path, place, u, &db)
	return db
}

// dsnOptions reads the query of the URL. It refuses everything that would weaken TLS,
// because URLs are copied around too easily.
func (r *reading) dsnOptions(path, place string, u *url.URL, db *database) {
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		r.add(path, "has options that cannot be read", "take out what stands behind the database's name")
		return
	}
	strange := false
	for name, values := range options {
		switch {
		case name == "password":
			r.add(path, "holds a password", "take it out, and write "+place+`.password as "${ENV}" or file:PATH`)
		case name == "sslmode" && values[0] == "verify-full":
		case name == "sslmode":
			r.add(path, "has an sslmode that does not verify who answers",
				"take it out: TLS is verify-full unless "+place+".tls says otherwise")
		case name == "sslrootcert":
			r.add(path, "has sslrootcert", "write "+place+".ca in its place")
		case name == "connect_timeout":
			n, err := strconv.ParseUint(values[0], 10, 10)
			if err != nil || n == 0 {
				r.add(path, "has a connect_timeout that is not valid", "write 1 to 1023, in seconds")
			}
			db.timeout = time.Duration(n) * time.Second
		default:
			strange = true
		}
	}
	if strange { // not named: it may be part of a password that has a question mark in it
		r.add(path, "has an option that is not for a DSN to set here", "take it out: behind the question mark may stand connect_timeout")
	}
}

// password reads a reference to a database's password.
func (r *reading) password(path string, s setting) secret {
	p, _ := r.secret(path, s, "for a server that asks for none")
	return p
}

// certificates reads the path of a file of certificates, and loads the file once to find
// faults now.
func (r *reading) certificates(path string, s setting) string {
	file, ok := r.scalar(path, s, optional)
	if !ok {
		return ""
	}
	if _, err := readCertificates(file); err != nil {
		found := "has several lines, so it is no path" // it may be a key, which is not shown
		if !strings.ContainsAny(file, "\r\n") {
			found = r.asWritten(file) + ": " + reasonOf(err)
		}
		r.add(path, found, "name a file of certificates in PEM; RDS' are at https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem")
	}
	return file
}

func readCertificates(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("holds no certificate in PEM")
	}
	return pool, nil
}

// isLoopback reports whether what is sent to host stays on this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// slotName is PostgreSQL's rule for names of slots. RDS also refuses some prefixes.
// https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION-SLOTS-MANIPULATION
var (
	slotName  = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
	slotTaken = regexp.MustCompile(`^(rds|aws|amazon)`)
)

func (r *reading) source(d sourceDocument, pipeline string) sourceConfig {
	c := sourceConfig{database: r.database("source", d.Database, 5432)}
	unset := "rowshift_" + strings.ReplaceAll(pipeline, "-", "_")
	c.slot = r.matching("source.slot", d.Slot, optional, slotName, "1 to 63 of a-z, 0-9 and _")
	if slotTaken.MatchString(c.slot) {
		r.add("source.slot", r.quote(c.slot)+" begins as Amazon's own slots do, and RDS refuses it",
			"begin it otherwise, as with rowshift_")
	}
	if c.slot == "" {
		c.slot = unset
	}
	c.publication = r.plainName("source.publication", d.Publication, unset, maxSourceName)
	c.create = r.boolean("source.create", d.Create, true)
	c.loadYield = r.duration("source.load_yield", d.LoadYield, 10*time.Second, time.Second, time.Hour)
	c.cataloguePoll = r.duration("source.catalogue_poll", d.CataloguePoll, 10*time.Second, 100*time.Millisecond, time.Hour)
	if format := r.oneOf("source.protocol_format", d.ProtocolFormat, "auto", string(postgres.Text), string(postgres.Binary)); format != "auto" {
		c.format = postgres.Format(format)
	}
	c.resyncLost = r.oneOf("source.on_slot_lost", d.OnSlotLost, "halt", "resync") == "resync"
	return c
}

// name reads the name of a database object, of at most most bytes.
func (r *reading) name(path string, s setting, unset string, most int) string {
	text := r.text(path, s, unset)
	r.fits(path, text, most)
	return text
}

// plainName reads a name that people have to type. One with a blank or a dot in it is a
// slip rather than such a name, and a fault.
func (r *reading) plainName(path string, s setting, unset string, most int) string {
	text := r.name(path, s, unset, most)
	if text != unset {
		r.plain(path, text)
	}
	return text
}

// plain adds a fault and returns false if a name has a blank or a dot.
func (r *reading) plain(path, name string) bool {
	switch {
	case strings.ContainsFunc(name, unicode.IsSpace):
		r.add(path, r.quote(name)+" has a blank", "write a name without")
	case strings.Contains(name, "."):
		r.add(path, r.quote(name)+" has a dot", "write the name alone, without what it is in")
	default:
		return true
	}
	return false
}

// fits adds a fault and returns false if a database would cut or refuse a name.
func (r *reading) fits(path, name string, most int) bool {
	switch {
	case len(name) > most:
		r.add(path, fmt.Sprintf("has a name of %d bytes, and %d are cut off", len(name), len(name)-most), fmt.Sprintf("write %d bytes at most", most))
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		r.add(path, "has a name with a control character", "take it out")
	default:
		return true
	}
	return false
}

// sameName reports whether Redshift treats two names as the same.
func sameName(a, b string) bool { return schema.Fold(a) == schema.Fold(b) }

// String returns the database's URL without its password.
func (d database) String() string {
	u := url.URL{Scheme: "postgres", User: url.User(d.user), Host: net.JoinHostPort(d.host, strconv.Itoa(int(d.port))), Path: "/" + d.name}
	return u.String()
}
