package pgtest

import (
	"fmt"
	"syscall"
	"time"
)

// Superuser and Password are the login of every server. The password is needed only if
// Auth is not Trust.
const (
	Superuser = "postgres"
	Password  = "postgres"
)

// Auth is how TCP clients authenticate: a method of pg_hba.conf
// (https://www.postgresql.org/docs/current/auth-pg-hba-conf.html).
type Auth string

// The methods that a test may need. The unix socket is always trusted.
const (
	Trust     Auth = "trust"
	SCRAM     Auth = "scram-sha-256"
	Cleartext Auth = "password"
)

// Mode is how a server is told to stop
// (https://www.postgresql.org/docs/current/server-shutdown.html).
type Mode syscall.Signal

// Smart waits for clients to leave, Fast ends their sessions and writes a
// checkpoint, Immediate stops as a crash would and leaves recovery to the
// next start.
const (
	Smart     = Mode(syscall.SIGTERM)
	Fast      = Mode(syscall.SIGINT)
	Immediate = Mode(syscall.SIGQUIT)
)

// Options are the choices for a server; the zero value is a good default.
type Options struct {
	// Version is the major version, "14" to "18". If it is empty, PGTEST_VERSION
	// decides, or else whatever the machine has.
	Version string

	// Least is the oldest major version that the caller accepts; 0 means 14. If Version
	// or PGTEST_VERSION is older, another version is used.
	Least int
	// Settings are lines of postgresql.conf, by name. They override the package's own,
	// which make logical replication as cheap as possible.
	Settings map[string]string
	// Auth is the method for TCP clients; empty means Trust.
	Auth Auth
	// TLS makes a CA and a certificate for 127.0.0.1, ::1 and localhost. The server then
	// refuses TCP clients without TLS, and DSN asks for verify-full.
	TLS bool
	// HBA are lines to put before the package's own lines of pg_hba.conf.
	HBA []string
	// Fsync leaves fsync and full_page_writes on, as benchmarks need.
	Fsync bool
	// OwnIdentity runs initdb for this server alone, which gives it its own system
	// identifier and takes about a second.
	OwnIdentity bool
	// StartTimeout bounds one start; 0 means a minute.
	StartTimeout time.Duration
	// Step, if set, is told about each slow step of the first start on a machine.
	Step func(what string)
}

func (o Options) step(what string) {
	if o.Step != nil {
		o.Step(what)
	}
}

func (o Options) withDefaults() Options {
	if o.Auth == "" {
		o.Auth = Trust
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = time.Minute
	}
	return o
}

// settings returns the settings for postgresql.conf, with the caller's overriding the
// package's.
func (o Options) settings(dir string) map[string]string {
	all := map[string]string{
		"listen_addresses":           "127.0.0.1",
		"unix_socket_directories":    dir,
		"wal_level":                  "logical",
		"max_connections":            "200",
		"max_wal_senders":            "50",
		"max_replication_slots":      "100",
		"wal_sender_timeout":         "60s",
		"logging_collector":          "off",
		"log_destination":            "stderr",
		"shared_buffers":             "64MB",
		"max_wal_size":               "4GB",
		"timezone":                   "UTC",
		"log_timezone":               "UTC",
		"dynamic_shared_memory_type": "posix",
	}
	if !o.Fsync {
		all["fsync"] = "off"
		all["full_page_writes"] = "off"
	}
	if o.TLS {
		all["ssl"] = "on"
		all["ssl_cert_file"] = dir + "/server.crt"
		all["ssl_key_file"] = dir + "/server.key"
		all["ssl_ca_file"] = dir + "/ca.crt"
	}
	for name, value := range o.Settings {
		all[name] = value
	}
	return all
}

// hba returns the lines of pg_hba.conf.
func (o Options) hba() []string {
	kind := "host"
	if o.TLS {
		kind = "hostssl"
	}
	lines := append([]string{}, o.HBA...)
	lines = append(lines, "local all all trust", "local replication all trust")
	for _, from := range []string{"127.0.0.1/32", "::1/128"} {
		for _, db := range []string{"all", "replication"} {
			lines = append(lines, fmt.Sprintf("%s %s all %s %s", kind, db, from, o.Auth))
		}
	}
	return lines
}
