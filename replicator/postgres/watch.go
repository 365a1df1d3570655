package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// watcher looks at the catalogue and the publication beside a stream, because the stream
// does not tell enough. It says nothing of an idle table, and of the others less than the
// catalogue: no attnums, and nothing of a table that is rewritten or taken out of the
// publication, or of a partition that is attached, detached, dropped, or truncated alone.
// Nor does it tell a reader that is far behind, or waits for its sink, that the server is
// shutting down. The watcher's session ends at once then, and no other is let in.
type watcher struct {
	*Origin
	server  server
	opened  sight
	altered atomic.Pointer[replicator.Altered]
	closing time.Time     // since when the server has let no session in because it is shutting down; zero: it does
	down    atomic.Bool   // it has for shutdownGrace
	cut     bool          // the latest session could not be opened, and no server said why: it may be shutting down
	soon    chan struct{} // has room for one, which asks for a look at once
	print   string        // the catalogue's fingerprint when nothing was found to be altered; empty: not known
	wake    func()        // ends the stream's read
	end     context.CancelFunc
	gone    chan struct{}
}

// sight is what can be seen of what is replicated.
type sight struct {
	print       string // the catalogue's fingerprint before it was looked at; empty: not known
	publication *publication
	seen        *replicator.Visibility // what the catalogue saw
	tables      []*schema.Table        // those that are fit and published as they must be
	unfit       []replicator.Unfit
	busy        []uint32 // those that the publication is still to be altered for, once others release their locks
}

// watch starts to look at what has been opened, every now and then and whenever the stream
// describes a table again.
func (o *Origin) watch(s server, opened sight, source *stream) {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{
		Origin: o, server: s, opened: opened, print: opened.print, soon: make(chan struct{}, 1), end: cancel, gone: make(chan struct{}),
		wake: func() { _ = source.conn.SetReadDeadline(time.Unix(1, 0)) },
	}
	source.watcher = w
	source.decoder.resent = w.stir
	go w.run(ctx)
}

// stir makes the watcher look at once.
func (w *watcher) stir() {
	select {
	case w.soon <- struct{}{}:
	default:
	}
}

// close ends the watcher, and waits until it has ended.
func (w *watcher) close() {
	w.end()
	<-w.gone
}

const (
	// checkEvery is how often an idle session is looked at to see whether the server has
	// ended it.
	checkEvery = time.Second

	// shutdownGrace is how long a server that is shutting down may be held up before the
	// stream ends. Until then a reader that keeps up has received everything, and may have
	// it merged and confirmed, so that the server ends with nothing left in the slot.
	shutdownGrace = 5 * time.Second
)

// failedLooks is how many looks have to fail in a row before that is reported. The stream
// notices a source that is away, so this is something else, such as that no session is left
// for us. Until it is mended, whatever is altered goes unnoticed.
const failedLooks = 3

// run looks until something was altered, and notices if the server shuts down. In either
// case it wakes the stream again and again, since the stream may just be about to set the
// deadline of a read. What cannot be asked is asked again later.
func (w *watcher) run(ctx context.Context) {
	defer close(w.gone)
	conn, _ := w.enter(ctx) // if that fails, the first look says why
	defer func() {
		if conn != nil {
			shut(conn)
		}
	}()
	looks, checks := time.NewTicker(w.options.LookEvery), time.NewTicker(checkEvery)
	defer looks.Stop()
	defer checks.Stop()
	say, failed := w.waitingOnce(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-checks.C:
			conn = w.check(ctx, conn)
			w.wakeIfDue()
			continue
		case <-looks.C:
		case <-w.soon:
		}
		var err error
		if conn, err = w.lookBy(ctx, conn); err == nil {
			say, failed = w.waitingOnce(), 0
		} else if failed++; failed >= failedLooks && ctx.Err() == nil {
			say("a look at the catalogue, which fails: " + err.Error())
		}
		w.wakeIfDue()
	}
}

// wakeIfDue ends the stream's read if there is something to tell.
func (w *watcher) wakeIfDue() {
	if w.altered.Load() != nil || w.down.Load() {
		w.wake()
	}
}

// enter opens a session, and takes note if the server lets none in because it is shutting
// down. That a session has ended does not show that: it may have been ended alone.
func (w *watcher) enter(ctx context.Context) (*session, error) {
	conn, err := w.connect(ctx)
	w.cut = err != nil && codeOf(err) == ""
	switch {
	case err == nil:
		w.closing = time.Time{}
	case codeOf(err) != cannotConnectNow:
	case w.closing.IsZero():
		w.closing = time.Now()
	case time.Since(w.closing) >= shutdownGrace:
		w.down.Store(true)
	}
	return conn, err
}

// check opens a session in place of one that has ended. While the server is shutting down, or
// may be, it tries to, to see whether it still is.
func (w *watcher) check(ctx context.Context, conn *session) *session {
	switch {
	case conn != nil && ended(conn):
		return w.replace(ctx, conn)
	case conn == nil && (w.cut || !w.closing.IsZero()):
		conn, _ = w.enter(ctx) // the next look reports what fails
	}
	return conn
}

// replace opens a session in place of one that has ended or failed, and returns nil if it
// cannot.
func (w *watcher) replace(ctx context.Context, conn *session) *session {
	shut(conn)
	conn, _ = w.enter(ctx) // the next look reports what fails
	return conn
}

// lookBy looks on a session, or on a new one if conn is nil. It returns the session for the
// next look.
func (w *watcher) lookBy(ctx context.Context, conn *session) (*session, error) {
	if conn == nil {
		var err error
		if conn, err = w.enter(ctx); err != nil {
			return nil, err
		}
	}
	if w.altered.Load() == nil { // else the stream is about to be opened again
		if err := w.look(ctx, conn); err != nil {
			return w.replace(ctx, conn), err
		}
	}
	return conn, nil
}

// look compares what can be seen now with what was seen when the stream was opened or, if a
// look since then found tables altered with their rows the same, at the last such look.
func (w *watcher) look(ctx context.Context, conn *session) error {
	ctx, cancel := context.WithTimeout(ctx, watchAnswer)
	defer cancel()
	some, err := free(ctx, conn, w.opened.publication.id.OID, w.opened.busy)
	if err != nil {
		return err
	}
	if some {
		w.altered.Store(&replicator.Altered{Found: "the lock is free that publication " + w.options.Publication + " waited for"})
		return nil
	}
	is, err := fingerprint(ctx, conn, w.server)
	if err != nil || is == w.print {
		return err
	}
	now, err := w.see(ctx, conn, w.server)
	if err != nil {
		return err
	}
	now.wait(w.opened.busy)
	if found := w.opened.differs(now); found != "" {
		w.altered.Store(&replicator.Altered{Found: found})
	} else {
		w.glimpses.take(w.opened.tables, now.tables)
		w.opened.tables, w.print = now.tables, is
	}
	return nil
}

// fingerprintQuery makes a number of each catalogue table that see reads, from its rows and
// the transactions that wrote them. The number changes once a row is added, removed or
// written, except by ANALYZE or VACUUM, which write in place. So a look at thousands of
// tables of which none was altered returns one row.
// https://www.postgresql.org/docs/current/ddl-system-columns.html
const fingerprintQuery = `
SELECT concat_ws(' ',
  (SELECT bit_xor(hash_record_extended((oid, xmin), 0)) FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'p')),
  (SELECT bit_xor(hash_record_extended((attrelid, attnum, xmin), 1)) FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0),
  (SELECT bit_xor(hash_record_extended((indexrelid, xmin), 2)) FROM pg_index WHERE indrelid >= 16384),
  (SELECT bit_xor(hash_record_extended((oid, xmin), 3)) FROM pg_type WHERE oid >= 16384),
  (SELECT bit_xor(hash_record_extended((oid, xmin), 9)) FROM pg_enum),
  (SELECT bit_xor(hash_record_extended((oid, xmin), 4)) FROM pg_namespace),
  (SELECT bit_xor(hash_record_extended((inhrelid, inhseqno, xmin), 5)) FROM pg_inherits),
  (SELECT bit_xor(hash_record_extended((oid, xmin), 6)) FROM pg_publication),
  (SELECT bit_xor(hash_record_extended((oid, xmin), 7)) FROM pg_publication_rel),
  (SELECT bit_xor(hash_record_extended((oid, xmin), 10)) FROM pg_constraint WHERE contype = 'n' AND NOT convalidated)%s)`

// fingerprint returns a text that changes once anything is altered that see looks at.
func fingerprint(ctx context.Context, q querier, s server) (text string, err error) {
	schemas := ""
	if s.major() >= schema.ColumnListMajor {
		schemas = ",\n  (SELECT bit_xor(hash_record_extended((oid, xmin), 8)) FROM pg_publication_namespace)"
	}
	if err := q.QueryRow(ctx, fmt.Sprintf(fingerprintQuery, schemas)).Scan(&text); err != nil {
		return "", fmt.Errorf("postgres: look whether the catalogue was altered: %w", err)
	}
	return text, nil
}

// see looks at the tables and the publication, and changes nothing.
func (o *Origin) see(ctx context.Context, q querier, s server) (now sight, err error) {
	relations, err := o.relations(ctx, q)
	if err != nil {
		return now, err
	}
	tables, faults := o.fitOf(relations, s)
	now.seen = relations.seen
	if now.publication, err = readPublication(ctx, q, s, o.options.Publication); err != nil {
		return now, err
	}
	now.unfit = o.unfits(faults)
	for _, t := range tables {
		if have, there := now.publication.of(t); !there || !have.publishes(t) {
			now.unfit = append(now.unfit, o.unpublished(now.publication, t))
			continue
		}
		now.tables = append(now.tables, t)
	}
	return now, nil
}

// unpublished returns the Unfit of a table that is not published as it must be.
func (o *Origin) unpublished(p *publication, t *schema.Table) replicator.Unfit {
	found := fmt.Sprintf("publication %q does not publish %v", o.options.Publication, t.Name)
	if _, there := p.of(t); there {
		found = fmt.Sprintf("publication %q publishes other columns or rows of %v than the config names", o.options.Publication, t.Name)
	}
	return replicator.Unfit{OID: t.OID, Name: t.Configured, Why: &replicator.Halt{
		Reason: replicator.PublicationDiffers,
		Found:  found,
		Means:  "changes would be missed, or columns that the config does not name would cross the wire",
		Repair: inOne(o.tableDifference(p, t)),
	}}
}

// differs describes what is not as it was. It is empty if everything is.
func (s sight) differs(now sight) string {
	p := now.publication
	switch {
	case p == nil:
		return "the publication is gone"
	case p.id != s.publication.id || p.broad || !p.publishesAs(now.tables):
		return "the publication was altered or made anew"
	case len(p.others(now.tables, now.unfit, s.busy...)) > 0:
		return fmt.Sprintf("the publication holds other tables: %v", p.others(now.tables, now.unfit, s.busy...))
	}
	is, was := byOID(now.tables), byOID(s.tables)
	for _, t := range s.tables {
		if found := s.became(t, is[t.OID], now); found != "" {
			return found
		}
	}
	for _, t := range now.tables {
		if was[t.OID] == nil {
			return fmt.Sprintf("%v can be replicated now", t.Configured)
		}
	}
	same := func(a, b replicator.Unfit) bool { // the repair too, since that is what people follow
		return a.Name == b.Name && a.Why.Reason == b.Why.Reason && a.Why.Found == b.Why.Found && a.Why.Repair == b.Why.Repair
	}
	if !slices.EqualFunc(s.unfit, now.unfit, same) {
		return "what keeps tables from being replicated is something else"
	}
	return ""
}

// became describes what became of table t, which now is another, or nil if it is not among
// the tables any more. It is empty if nothing happened.
func (s sight) became(t, is *schema.Table, now sight) string {
	if is == nil {
		for _, u := range now.unfit {
			if u.Name == t.Configured {
				return fmt.Sprintf("%v cannot be replicated any more: %s", t.Configured, u.Why.Found)
			}
		}
		return fmt.Sprintf("%v was made anew", t.Configured)
	}
	was, _ := s.publication.of(t)
	row, _ := now.publication.of(is)
	d := schema.Compare(t.Shape(), t.Heap, is)
	switch {
	case was.row != row.row:
		return fmt.Sprintf("%v was out of the publication", t.Configured)
	case d.Uncertain != "":
		return fmt.Sprintf("%v: %s", t.Configured, d.Uncertain)
	case !d.Empty() || t.Name != is.Name || t.Configured != is.Configured:
		return fmt.Sprintf("%v has other columns, or other names", t.Configured)
	case !alikeParts(t.Parts, is.Parts):
		return fmt.Sprintf("partitions of %v came, went or were emptied", t.Configured)
	}
	return ""
}
