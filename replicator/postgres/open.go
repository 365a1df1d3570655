package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"rowshift/replicator"
	"rowshift/schema"
)

// opening is the state of one Open.
type opening struct {
	*Origin
	conn    *session // an ordinary session
	server  server
	request replicator.OpenRequest
	matcher *matcher // filled once the catalogue is read; nothing is decoded before that
	opened  replicator.Opened
	format  Format // how the stream's values are sent
	sight   sight
}

// Open implements replicator.Origin.
func (o *Origin) Open(ctx context.Context, r replicator.OpenRequest) (replicator.Source, replicator.Opened, error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, replicator.Opened{}, err
	}
	defer shut(conn)
	s, err := o.fitServer(ctx, conn)
	if err != nil {
		return nil, replicator.Opened{}, err
	}
	o.from = s
	p := &opening{
		Origin: o, conn: conn, server: s, request: r,
		matcher: &matcher{tables: map[uint32]chosen{}, looked: o.partitions.recorder(), unrendered: o.textOnly.addLog},
		opened:  replicator.Opened{Slot: o.options.Slot, Database: s.database},
	}
	source, err := p.start(ctx)
	if err != nil {
		return nil, p.opened, err
	}
	if err := alongside(ctx, source, p.look); err != nil {
		_ = source.Close()
		return nil, p.opened, err
	}
	if r.Known != nil {
		o.watch(s, p.sight, source)
	}
	return source, p.opened, nil
}

// start waits for the slot and starts its stream.
func (p *opening) start(ctx context.Context) (*stream, error) {
	for {
		found, err := p.waitForSlot(ctx, p.conn, p.server.database)
		if err != nil {
			return nil, p.elsewhere(ctx, err)
		}
		p.opened.Confirmed = found.confirmed
		source, err := p.startNow(ctx)
		if codeOf(err) != objectInUse {
			return source, err
		}
		if err := sleep(ctx, firstLook); err != nil { // another daemon was faster
			return nil, err
		}
	}
}

// elsewhere returns why the slot cannot be used: the error missing, which says what was
// found of the slot, unless the source is another one, which never had the slot, or the
// config names another slot than the pipeline has. Those cases have repairs of their own.
func (p *opening) elsewhere(ctx context.Context, missing error) error {
	h, is := errors.AsType[*replicator.Halt](missing)
	if p.request.Judge == nil || !is || !slices.Contains([]replicator.Reason{replicator.SlotMissing, replicator.SlotLost, replicator.SlotStrange}, h.Reason) {
		return missing
	}
	system, err := p.system(ctx, p.server.role)
	if err != nil {
		return missing // which source it is cannot be asked now
	}
	p.opened.System = system
	p.opened.Flushed = p.request.After // where its log ends does not tell which source it is
	judged := p.request.Judge(p.opened)
	switch {
	case isOf(judged, replicator.SourceChanged):
		return judged
	case isOf(judged, replicator.SlotStrange):
		had, err := findSlot(ctx, p.conn, p.request.Slot)
		if err != nil {
			return missing
		}
		return renamed(missing, judged, had, p.server.database)
	}
	return missing
}

// isOf reports whether err is a *replicator.Halt with that reason.
func isOf(err error, reason replicator.Reason) bool {
	h, is := errors.AsType[*replicator.Halt](err)
	return is && h.Reason == reason
}

// renamed returns the Halt for a config whose slot is missing, lost or of something else,
// while the pipeline has a slot of another name. The repair is to name that one again. But
// if both slots are gone, the log is missing, and the repair is a reset, which makes the
// slot that the config names.
func renamed(missing, strange error, had *slot, database string) error {
	lacks, _ := errors.AsType[*replicator.Halt](missing)
	other, is := errors.AsType[*replicator.Halt](strange)
	if !is || !isOf(missing, replicator.SlotMissing) || had != nil && had.ours(database) {
		return strange
	}
	both := *lacks
	both.Found += "; " + other.Found + ", which is gone"
	return &both
}

// startNow starts the slot's stream on a connection of its own.
func (p *opening) startNow(ctx context.Context) (*stream, error) {
	var w *wire
	conn, err := p.connectReplication(ctx, func(c *pgconn.Config) {
		c.DialFunc = metered(c.DialFunc)
		c.BuildFrontend = func(from io.Reader, to io.Writer) *pgproto3.Frontend {
			w = newWire(from)
			return pgproto3.NewFrontend(w, to)
		}
	})
	switch {
	case codeOf(err) == insufficientRights:
		return nil, mayNotReplicate(p.server.role, err)
	case err != nil:
		return nil, err
	}
	source, err := p.startOn(ctx, conn, w)
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
	}
	return source, err
}

// mayNotReplicate returns the Halt for a role that cannot open a replication connection.
func mayNotReplicate(role string, cause error) *replicator.Halt {
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  fmt.Sprintf("role %q may not open a replication connection", role),
		Means:  "the slot cannot be read without one",
		Repair: repairReplication(role),
		Cause:  cause,
	}
}

// startOn starts the stream on a connection, and first turns off what settings of the role
// could end it in the middle of a transaction.
func (p *opening) startOn(ctx context.Context, conn *pgconn.PgConn, w *wire) (*stream, error) {
	system, err := identify(ctx, conn)
	if err != nil {
		return nil, err
	}
	p.opened.System, p.opened.Timeline = system.SystemID, system.Timeline
	if p.request.Timeline != 0 && p.request.Timeline != system.Timeline {
		if p.opened.Fork, err = fork(ctx, conn, system.Timeline, p.request.Timeline); err != nil {
			return nil, err
		}
	}
	if p.opened.Flushed, err = endOfLog(ctx, p.conn, "pg_current_wal_flush_lsn"); err != nil {
		return nil, err
	}
	if p.request.Judge != nil {
		if err := p.request.Judge(p.opened); err != nil {
			return nil, err
		}
	}
	if p.format, err = p.formatFor(ctx, p.conn, p.server, p.request.After); err != nil {
		return nil, err
	}
	p.opened.Format = string(p.format)
	if err := conn.Exec(ctx, `SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('transaction_timeout', 'idle_session_timeout'); `+sendAsStored).Close(); err != nil {
		return nil, fmt.Errorf("postgres: prepare the stream's session: %w", bare(err))
	}
	// The value of publication_names is a list of identifiers.
	plugin := []string{"proto_version '1'", "publication_names " + literal(p.publicationName())}
	if p.format == Binary {
		plugin = append(plugin, "binary 'true'")
	}
	err = pglogrepl.StartReplication(ctx, conn, identifier(p.options.Slot), pglogrepl.LSN(p.request.After), pglogrepl.StartReplicationOptions{PluginArgs: plugin})
	if err != nil {
		return nil, fmt.Errorf("postgres: start replication: %w", bare(err))
	}
	source, err := p.takeOver(conn, w, p.matcher, p.request.After, p.opened.Confirmed, p.server.senderTimeout)
	if err == nil && p.format == Binary {
		source.failed = p.unsent
	}
	return source, err
}

// unsent returns the error for a binary stream that the server ended with a decoding error
// after the position at. Unless the error is about the publication or about text, some type
// may have no binary form there, so the stream is tried as text before the slot is
// suspected.
func (p *opening) unsent(at replicator.LSN, cause error) error {
	if codeOf(cause) == undefinedObject || unsendable(cause) {
		return p.undecodable(at, cause)
	}
	p.textOnly.addLog(at)
	return fmt.Errorf("postgres: the stream in the binary format ended, and is opened again as text: %w", cause)
}

// fork returns where the history of the timeline now left the earlier timeline was. If it
// never was on that one, it returns the first position, so that everything of it counts as
// lost. A server without the file of that history, as after a copy of its data alone, cannot
// say, which is a *replicator.Halt.
// https://www.postgresql.org/docs/current/protocol-replication.html
func fork(ctx context.Context, conn *pgconn.PgConn, now, was int32) (replicator.LSN, error) {
	if now == 1 {
		return 1, nil // it has no history
	}
	history, err := pglogrepl.TimelineHistory(ctx, conn, now)
	if codeOf(err) == undefinedFile {
		return 0, &replicator.Halt{
			Reason: replicator.SourceBehind,
			Found:  fmt.Sprintf("the source is on timeline %d, the checkpoint is on %d, and the file with the history of %d is missing", now, was, now),
			Means:  "it cannot tell where it left that timeline, so it may lack what the warehouse holds",
			Repair: fmt.Sprintf("put %08X.history back into the source's pg_wal, from its archive; or ", now) + startOver,
			Cause:  bare(err),
		}
	}
	if err != nil {
		return 0, fmt.Errorf("postgres: read the history of timeline %d: %w", now, bare(err))
	}
	return forkIn(string(history.Content), was)
}

// forkIn finds in a timeline's history where it left an earlier one. A line of it has the
// number of that timeline, the position and the reason.
func forkIn(history string, was int32) (replicator.LSN, error) {
	for line := range strings.Lines(history) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == strconv.Itoa(int(was)) {
			return replicator.ParseLSN(fields[1])
		}
	}
	return 1, nil
}

// look brings the publication in line with the config and reads the catalogue. It is called
// once the stream is ours.
func (p *opening) look(ctx context.Context) (err error) {
	if p.request.Known != nil {
		known, err := p.remembers(ctx)
		if err != nil {
			return err
		}
		p.Remember(known)
	}
	p.lookedAt(p.opened.System, p.server.database)
	// This comes before the catalogue is read. A transaction that commits in between may have rows
	// of a past shape that are then not taken for such, and its table is loaded again. If it came
	// later, rows of a shape that is newer than the catalogue could be taken for rows of a past
	// one, and be read wrongly: say, of a table that lost column y, and whose column x was then
	// renamed to y beside a new x.
	// The catalogue shows what an asynchronous commit changed before its record is flushed.
	if p.opened.Read, err = endOfLog(ctx, p.conn, "pg_current_wal_insert_lsn"); err != nil {
		return err
	}
	before, err := fingerprint(ctx, p.conn, p.server)
	if err != nil {
		return err
	}
	if p.sight, err = p.alignFit(ctx, p.conn, p.server, true, true); err != nil {
		return err
	}
	p.sight.print = before // the watcher notices what is altered from here on
	p.opened.Publication, p.opened.Unfit, p.opened.Seen = p.sight.publication.id, p.sight.unfit, p.sight.seen
	choices := map[schema.Name]schema.Choice{}
	for _, c := range p.options.Choices {
		choices[c.Name] = c
	}
	made, err := generated(ctx, p.conn, p.server, p.sight.tables)
	if err != nil {
		return err
	}
	for _, t := range p.sight.tables {
		have, _ := p.sight.publication.of(t)
		seen := p.glimpses.of(t.OID)
		p.opened.Tables = append(p.opened.Tables, replicator.Published{Table: t, Row: have.row, Missed: p.partitions.missed(t), SameRows: seen})
		is := chosen{table: t, choice: choices[t.Configured], made: made[t.OID]}
		if p.format == Binary {
			is.major = p.server.major()
		}
		if known, ok := p.known[t.Configured]; ok && known.OID == t.OID {
			_, is.past = known.After(seen).Follow(t, p.request.After, p.opened.Read, p.opened.Seen)
		}
		p.matcher.tables[t.OID] = is
	}
	if p.request.End {
		p.opened.End, err = p.mark(ctx, p.conn)
	}
	return err
}

// remembers asks what is remembered of the tables. That may take as long as the warehouse is
// away, so it is given up once the server has ended our session: it may be shutting down,
// and would wait for the stream.
func (p *opening) remembers(ctx context.Context) (known replicator.Known, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		known, err = p.request.Known(ctx)
	}()
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return known, err
		case <-tick.C:
			if ended(p.conn) {
				cancel()
				<-done
				return known, errors.New("postgres: the server ended the session before it was known what is remembered of the tables")
			}
		}
	}
}

// endOfLog returns where the server's log ends: with pg_current_wal_flush_lsn the end of
// what is flushed, with pg_current_wal_lsn of what is written, with
// pg_current_wal_insert_lsn of all of it.
// https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP
func endOfLog(ctx context.Context, q querier, function string) (replicator.LSN, error) {
	var text string
	if err := q.QueryRow(ctx, `SELECT `+function+`()::text`).Scan(&text); err != nil {
		return 0, fmt.Errorf("postgres: ask for the end of the log: %w", err)
	}
	return replicator.ParseLSN(text)
}

// alongside calls do, which may take its time, and sends the status updates that are due on
// the stream meanwhile.
func alongside(ctx context.Context, s *stream, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	tick := time.NewTicker(s.resend)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case now := <-tick.C:
			if err := s.remind(now); err != nil {
				cancel(err)
				return errors.Join(err, <-done)
			}
		}
	}
}
