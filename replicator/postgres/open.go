package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// oldest is the oldest version that is taken: pgoutput's options and TID range
// scans are as they are needed from 14 on.
const oldest = 140000

// fitServer returns what is known of the server, or a *replicator.Halt if it cannot
// be a source.
func (o *Origin) fitServer(ctx context.Context, conn *pgx.Conn) (server, error) {
	s, err := serverOf(ctx, conn)
	if err != nil {
		return s, err
	}
	var level string
	if err := conn.QueryRow(ctx, `SELECT current_setting('wal_level')`).Scan(&level); err != nil {
		return s, fmt.Errorf("postgres: ask for wal_level: %w", bare(err))
	}
	switch {
	case s.version < oldest:
		return s, &replicator.Halt{
			Reason: replicator.SourceUnfit, Found: fmt.Sprintf("the source is PostgreSQL %d", s.major()),
			Means: "14 is the oldest that is supported", Repair: "upgrade the source",
		}
	case s.recovery:
		return s, &replicator.Halt{
			Reason: replicator.SourceInRecovery, Found: "the source is a standby",
			Means: "its snapshots do not list running transactions, so a load could not be joined with the stream", Repair: "name the primary in source.dsn",
		}
	case level != "logical":
		return s, &replicator.Halt{
			Reason: replicator.SourceUnfit, Found: "wal_level is " + level,
			Means: "the log does not hold what logical decoding needs", Repair: "ALTER SYSTEM SET wal_level = 'logical', then restart the server (on RDS: rds.logical_replication = 1 in the parameter group, then reboot)",
		}
	}
	return s, nil
}

// Open implements replicator.Origin.
func (o *Origin) Open(ctx context.Context, r replicator.OpenRequest) (replicator.Source, replicator.Opened, error) {
	opened := replicator.Opened{Slot: o.options.Slot}
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, opened, err
	}
	defer shut(conn)
	s, err := o.fitServer(ctx, conn)
	if err != nil {
		return nil, opened, err
	}
	opened.Database = s.database
	m := matcher{}
	source, err := o.start(ctx, conn, r, m, &opened)
	if err != nil {
		return nil, opened, err
	}
	if err := o.look(ctx, conn, s, r, m, &opened); err != nil {
		_ = source.Close()
		return nil, opened, err
	}
	return source, opened, nil
}

// start waits for the slot and starts its stream.
func (o *Origin) start(ctx context.Context, conn *pgx.Conn, r replicator.OpenRequest, m matcher, opened *replicator.Opened) (*stream, error) {
	for {
		slot, err := o.waitForSlot(ctx, conn, opened.Database)
		if err != nil {
			return nil, err
		}
		opened.Confirmed = slot.confirmed
		source, err := o.startNow(ctx, r, m, opened)
		if codeOf(err) != objectInUse {
			return source, err
		}
	}
}

// startNow starts the slot's stream on a connection of its own.
func (o *Origin) startNow(ctx context.Context, r replicator.OpenRequest, m matcher, opened *replicator.Opened) (*stream, error) {
	var in *bufio.Reader
	conn, err := o.connectReplication(ctx, func(c *pgconn.Config) {
		c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			in = bufio.NewReaderSize(r, readBuffer)
			return pgproto3.NewFrontend(in, w)
		}
	})
	if err != nil {
		return nil, err
	}
	source, err := o.startOn(ctx, conn, in, r, m, opened)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
	}
	return source, err
}

func (o *Origin) startOn(ctx context.Context, conn *pgconn.PgConn, in *bufio.Reader, r replicator.OpenRequest, m matcher, opened *replicator.Opened) (*stream, error) {
	system, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("postgres: identify the system: %w", bare(err))
	}
	opened.System, opened.Timeline = system.SystemID, system.Timeline
	if r.Timeline != 0 && r.Timeline != system.Timeline {
		if opened.Fork, err = fork(ctx, conn, system.Timeline, r.Timeline); err != nil {
			return nil, err
		}
	}
	timeout, err := senderTimeout(ctx, conn)
	if err != nil {
		return nil, err
	}
	err = pglogrepl.StartReplication(ctx, conn, o.options.Slot, pglogrepl.LSN(r.After), pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names " + publicationNames(o.options.Publication)},
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: start replication: %w", bare(err))
	}
	return o.takeOver(conn, in, m, max(r.After, opened.Confirmed), timeout)
}

// publicationNames quotes a name for pgoutput's option: as an identifier, since the
// option is a list of identifiers, and then as a literal.
func publicationNames(name string) string {
	list := pgx.Identifier{name}.Sanitize()
	return "'" + strings.ReplaceAll(list, "'", "''") + "'"
}

// senderTimeout returns the server's wal_sender_timeout; 0 if it has none.
func senderTimeout(ctx context.Context, conn *pgconn.PgConn) (time.Duration, error) {
	results, err := conn.Exec(ctx, `SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'`).ReadAll()
	if err != nil {
		return 0, fmt.Errorf("postgres: ask for wal_sender_timeout: %w", bare(err))
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return 0, nil
	}
	ms, err := strconv.Atoi(string(results[0].Rows[0][0]))
	if err != nil {
		return 0, fmt.Errorf("postgres: wal_sender_timeout: %w", err)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// fork returns where the history of a timeline left an earlier one; the first
// position if it never was on it.
func fork(ctx context.Context, conn *pgconn.PgConn, now, was int32) (replicator.LSN, error) {
	history, err := pglogrepl.TimelineHistory(ctx, conn, now)
	if err != nil {
		return 0, fmt.Errorf("postgres: read the history of timeline %d: %w", now, bare(err))
	}
	for line := range strings.Lines(string(history.Content)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == strconv.Itoa(int(was)) {
			return replicator.ParseLSN(fields[1])
		}
	}
	return 1, nil // the server was never on that timeline: everything of it is lost
}

// look reads the catalogue once the stream is ours, after bringing the publication
// in line with the config.
func (o *Origin) look(ctx context.Context, conn *pgx.Conn, s server, r replicator.OpenRequest, m matcher, opened *replicator.Opened) error {
	tables, err := o.tables(ctx, conn, s)
	if err != nil {
		return err
	}
	p, err := o.align(ctx, conn, s, tables)
	if err != nil {
		return err
	}
	opened.Publication = p.id
	for _, t := range tables {
		m[t.OID] = t
		opened.Tables = append(opened.Tables, replicator.Published{Table: t, Row: p.row(t)})
	}
	var flushed string
	if err := conn.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn()::text`).Scan(&flushed); err != nil {
		return fmt.Errorf("postgres: ask for the end of the log: %w", bare(err))
	}
	if opened.Flushed, err = replicator.ParseLSN(flushed); err != nil {
		return err
	}
	if r.End {
		opened.End, err = o.mark(ctx, conn)
	}
	return err
}

// row returns the publication's row for a table.
func (p *publication) row(t *schema.Table) replicator.PublicationID {
	for _, have := range p.tables {
		if have.oid == t.OID {
			return have.row
		}
	}
	return replicator.PublicationID{}
}
