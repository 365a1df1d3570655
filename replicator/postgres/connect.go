package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pinned are the settings of every session, ordinary and replication alike. They decide how
// values are printed and what may end a session, so the settings of a role or a database
// must not apply. Start-up parameters take precedence over those.
//
// An interval is printed as in ISO 8601, the one form that other systems read, with a sign
// for each of its parts. Money is printed as in the locale C: $1,234.50. Rows of a database
// in SQL_ASCII are read in another encoding, see sendAsStored.
// https://www.postgresql.org/docs/current/runtime-config-client.html
var pinned = map[string]string{
	"client_encoding":               "UTF8",
	"TimeZone":                      "UTC",
	"DateStyle":                     "ISO, YMD",
	"IntervalStyle":                 "iso_8601",
	"extra_float_digits":            "1", // shortest text that reads back as the same value
	"bytea_output":                  "hex",
	"xmloption":                     "content",
	"lc_monetary":                   "C",
	"search_path":                   "pg_catalog",
	"statement_timeout":             "0",
	"lock_timeout":                  "0",
	"default_transaction_read_only": "off",
	"default_transaction_isolation": "read committed",

	"standard_conforming_strings": "on",
	"quote_all_identifiers":       "off",

	"idle_in_transaction_session_timeout": "0",
}

// applicationName is the name of our sessions in pg_stat_activity.
const applicationName = "rowshift"

// config returns the connection config with the settings that all our sessions share.
func (o *Origin) config(ctx context.Context) (*pgx.ConnConfig, error) {
	c, err := o.options.Config(ctx)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if c.RuntimeParams == nil {
		c.RuntimeParams = map[string]string{}
	}
	for name, value := range pinned {
		c.RuntimeParams[name] = value
	}
	c.RuntimeParams["application_name"] = applicationName
	return c, nil
}

// connect opens an ordinary session.
func (o *Origin) connect(ctx context.Context) (*session, error) {
	c, err := o.config(ctx)
	if err != nil {
		return nil, err
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec // no prepared statement outlives a change of shape
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("postgres: connect: %w", &ConnectError{bare(err)})
	}
	return &session{conn}, nil
}

// session opens a session that may be idle, and read, for as long as it takes, whatever the
// role's settings say. It fails rather than leave out rows that a policy hides, gets text
// as it is stored, and reads by one process and only the blocks of a range. Settings that
// the server's version does not know are left out.
func (o *Origin) session(ctx context.Context) (*session, error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, `
		SELECT set_config(s.name, v.value, false)
		FROM (VALUES ('transaction_timeout', '0'), ('idle_session_timeout', '0'), ('row_security', 'off'),
		             ('max_parallel_workers_per_gather', '0'), ('enable_seqscan', 'off'), ('jit', 'off')) AS v(name, value)
		JOIN pg_settings s ON s.name = v.name`)
	if err == nil {
		_, err = conn.Exec(ctx, sendAsStored)
	}
	if err != nil {
		shut(conn)
		return nil, fmt.Errorf("postgres: prepare a session: %w", err)
	}
	return conn, nil
}

// shut ends a session and waits until its socket is closed.
func shut(conn *session) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing more is wanted of it
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}

// connectReplication opens a session that takes replication commands, and only the simple
// query protocol.
// https://www.postgresql.org/docs/current/protocol-replication.html
func (o *Origin) connectReplication(ctx context.Context, change func(*pgconn.Config)) (*pgconn.PgConn, error) {
	c, err := o.config(ctx)
	if err != nil {
		return nil, err
	}
	c.RuntimeParams["replication"] = "database"
	if change != nil {
		change(&c.Config)
	}
	conn, err := pgconn.ConnectConfig(ctx, &c.Config)
	if err != nil {
		return nil, fmt.Errorf("postgres: connect for replication: %w", &ConnectError{bare(err)})
	}
	return conn, nil
}

// sleep waits for a while, or until ctx is done; then it returns the cause.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
