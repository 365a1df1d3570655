package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
)

// twisted are settings of a role or a database that change how values are printed, or end
// sessions.
var twisted = []string{
	`TimeZone = 'Asia/Kathmandu'`, `DateStyle = 'German, DMY'`, `IntervalStyle = 'sql_standard'`, `extra_float_digits = -15`, `bytea_output = 'escape'`,
	`search_path = 'nowhere'`, `client_encoding = 'LATIN1'`, `quote_all_identifiers = on`, `statement_timeout = '1s'`, `lock_timeout = '1s'`,
	`idle_in_transaction_session_timeout = '1s'`, `idle_session_timeout = '2s'`, `default_transaction_read_only = on`, `default_transaction_isolation = 'serializable'`,
	`application_name = 'somebody'`, `standard_conforming_strings = off`, `xmloption = document`,
}

// TestConnectPins shows that values are printed alike by the stream and by COPY,
// whatever the settings of the role and of the database are.
func TestConnectPins(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, t timestamptz, d date, i interval, f float8, r real, b bytea, m money, c regclass, s text, x xml)`)
	w.exec(other, `CREATE ROLE `+w.role()+` LOGIN SUPERUSER`)
	for i, setting := range twisted {
		of := "ROLE " + w.role()
		if i%2 == 0 {
			of = "DATABASE " + w.config.Database
		}
		w.exec(other, "ALTER "+of+" SET "+setting)
	}
	w.program.User = w.role()
	w.choose(every("a")...)
	w.create()
	f := w.follow(w.confirmed())
	w.exec(other, `INSERT INTO a VALUES (1, '2026-11-23 10:00:00.5+02', '2026-11-23', '1 year -2 mons 3 days -04:05:06.7', 0.1::float8 + 0.2, 0.1, '\x00ff', 12.34, 'pg_catalog.pg_class', 'é€', '<a/><b/>')`)
	values := []string{"1", "2026-11-23 08:00:00.5+00", "2026-11-23", "P10M3DT-4H-5M-6.7S", "0.30000000000000004", "0.1", `\x00ff`, "$12.34", "pg_class", "é€", "<a/><b/>"}
	if d := cmp.Diff([]string{"insert a new(" + strings.Join(values, "|") + ")"}, f.read(w.marked())); d != "" {
		t.Errorf("by the stream: %s", d)
	}
	rows, err := w.everything(t.Context(), f.opened.Tables[0].Table)
	if d := cmp.Diff([]string{strings.Join(values, "|")}, rows["a"]); d != "" || err != nil {
		t.Errorf("by COPY: %s, %v", d, err)
	}
	w.until(w.ours(), `pg_sleep(2.5) IS NOT NULL`)
	w.exec(other, `DELETE FROM a`)
	if d := cmp.Diff([]string{"delete a key(1)"}, f.read(w.marked())); d != "" {
		t.Errorf("after the time-outs: %s", d)
	}
	if names := w.rows(other, `SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = '`+w.role()+`'`); !slices.Equal(names, []string{"rowshift"}) {
		t.Errorf("application names %q", names)
	}
}

// TestConnectFails shows that a connection's error says what is wrong, and not the
// password.
func TestConnectFails(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*world)
		words string
	}{
		{"no such database", func(w *world) { w.program.Database = "nothing" }, `database "nothing" does not exist`},
		{"no such role", func(w *world) { w.program.User = "nobody_" }, `role "nobody_" does not exist`},
		{"nobody there", func(w *world) { w.program.Port = 1 }, "connect"},
	}
	for _, test := range tests {
		w := newWorld(t)
		w.program.Password = "a-secret"
		w.choose(every("a")...)
		test.spoil(w)
		_, _, err := w.Open(t.Context(), replicator.OpenRequest{After: 1})
		if err == nil || replicator.Final(err) || !strings.Contains(err.Error(), test.words) || strings.Contains(fmt.Sprintf("%+v %#v", err, err), "a-secret") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestConnectionsAreDialedAsTheConfigSays shows that sessions of both kinds use the
// config's dialer, which knows how long a link may stay silent.
func TestConnectionsAreDialedAsTheConfigSays(t *testing.T) {
	dialed := 0
	o := New(Options{Config: func(context.Context) (*pgx.ConnConfig, error) {
		c, err := pgx.ParseConfig("postgres://rowshift@127.0.0.1:1/app?sslmode=disable")
		if err == nil {
			c.DialFunc = func(context.Context, string, string) (net.Conn, error) {
				dialed++
				return nil, errors.New("nobody answers")
			}
		}
		return c, err
	}})
	if _, err := o.connect(t.Context()); err == nil || dialed != 1 {
		t.Errorf("an ordinary session: %d calls, %v", dialed, err)
	}
	if _, err := o.connectReplication(t.Context(), nil); err == nil || dialed != 2 {
		t.Errorf("a replication session: %d calls, %v", dialed, err)
	}
}
