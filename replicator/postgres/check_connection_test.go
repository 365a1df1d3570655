package postgres

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/test/pgtest"
)

// TestCheckOfAConnectionThatFails shows that each cause has a repair of its own, and that
// those which are SQL let us in.
func TestCheckOfAConnectionThatFails(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{HBA: []string{"host all strict 127.0.0.1/32 scram-sha-256", "host all shut 127.0.0.1/32 reject"}})
	mute, err := net.Listen("tcp", "127.0.0.1:0") // whoever connects gets no answer
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	const role = `CREATE ROLE "strict" LOGIN REPLICATION PASSWORD '...'`
	tests := []struct {
		name    string
		spoil   func(*pgx.ConnConfig)
		repair  string
		execute string // the part of the repair to run, with which the role is let in; empty for none
	}{
		{"no such role", func(c *pgx.ConnConfig) { c.User, c.Password = "strict", "..." }, "which the server does not tell: " + role + " (on Amazon RDS ", role},
		{"a wrong password", func(c *pgx.ConnConfig) { c.User, c.Password = "strict", "of before" }, "source.password names, or give the role that one: ALTER ROLE", `ALTER ROLE "strict" PASSWORD '...'`},
		{"no line of pg_hba.conf", func(c *pgx.ConnConfig) { c.User = "shut" }, `pg_hba.conf: host "postgres" "shut" <our address>/32 scram-sha-256, then `, ""},
		{"no such role that is trusted", func(c *pgx.ConnConfig) { c.User = "nobody_" }, "if there is no such role: CREATE ROLE", `CREATE ROLE "nobody_" LOGIN REPLICATION PASSWORD '...'`},
		{"no right to log in", func(c *pgx.ConnConfig) { c.User = "nobody_" }, "if it may not log in: ALTER ROLE", `ALTER ROLE "nobody_" LOGIN`},
		{"no such database", func(c *pgx.ConnConfig) { c.Database = "nothing" }, "behind the last / of source.dsn, or make this one: CREATE", `CREATE DATABASE "nothing"`},
		{"no such host", func(c *pgx.ConnConfig) {
			c.Host = "db.invalid"
			c.LookupFunc = func(_ context.Context, host string) ([]string, error) {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
		}, "correct the host in source.dsn, or let the name server of this machine, container or pod know db.invalid", ""},
		{"nobody listens", func(c *pgx.ConnConfig) { c.Port = 1 }, "nothing listens at 127.0.0.1:1: correct host and port", ""},
		{"nobody answers", func(c *pgx.ConnConfig) {
			c.Port, c.ConnectTimeout = uint16(mute.Addr().(*net.TCPAddr).Port), 100*time.Millisecond
		}, " does not answer in time: let our packets through", ""},
		{"another cause", func(c *pgx.ConnConfig) { c.RuntimeParams["nonsense"] = "1" }, "make sure that source.dsn, its password", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := on(newWorld(t), s)
			other := w.dial()
			if test.name == "no right to log in" {
				w.exec(other, `ALTER ROLE nobody_ NOLOGIN`)
			}
			test.spoil(w.program)
			w.named(true)
			all := w.Check(t.Context())
			if len(all) != 1 || all[0].Subject != "source: connection" || all[0].Verdict != replicator.Failure ||
				!strings.Contains(all[0].Repair, test.repair) || !strings.Contains(all[0].Repair, test.execute) || strings.Contains(all[0].Repair, "\n") {
				t.Fatalf("%+v", all)
			}
			if test.execute == "" {
				return
			}
			w.exec(other, strings.Replace(test.execute, "...", w.program.Password, 1))
			if f := found(t, w.Check(t.Context()), "connection"); f.Verdict != replicator.Fine {
				t.Errorf("repaired by %q: %+v", test.execute, f)
			}
		})
	}
}
