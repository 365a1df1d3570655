package redshift

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"rowshift/replicator"
)

// Checkpoint implements replicator.Warehouse.
func (w *Warehouse) Checkpoint(ctx context.Context) (*replicator.Checkpoint, error) {
	var c *replicator.Checkpoint
	err := w.with(ctx, func(s *session) error {
		names, err := w.tableNames(ctx, s)
		if err != nil || !names.has(checkpointTable, stateTable) {
			return err
		}
		c, _, err = w.read(ctx, s)
		if err != nil || c == nil || !names.has(requestTable) {
			return err
		}
		return w.resets(ctx, s, c)
	})
	if err != nil {
		return nil, err // half a checkpoint would be taken for a whole one
	}
	return c, nil
}

// namesIn lists the tables and views of a schema.
func (w *Warehouse) namesIn(ctx context.Context, s *session, schema string) ([]string, error) {
	rows, err := s.rows(ctx, "look for tables", tablesOf(schema))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range rows {
		names = append(names, string(r[0]))
	}
	return names, nil
}

// read returns the checkpoint and the layout that it is written in, nil if there is none. It
// halts if the checkpoint belongs to another pipeline, or if the layout is not known.
func (w *Warehouse) read(ctx context.Context, s *session) (c *replicator.Checkpoint, layout int, err error) {
	c, layout, err = w.readCheckpoint(ctx, s)
	if err != nil || c == nil {
		return nil, 0, err
	}
	if c.Pipeline != w.options.Pipeline {
		return nil, 0, &replicator.Halt{
			Reason: replicator.WarehouseTaken,
			Found:  fmt.Sprintf("metadata schema %s belongs to pipeline %q", w.options.MetadataSchema, c.Pipeline),
			Means:  "one metadata schema belongs to one pipeline",
			Repair: fmt.Sprintf("set warehouse.metadata_schema to a schema of %q's own", w.options.Pipeline),
		}
	}
	rows, err := s.rows(ctx, "read the tables' states", w.metadata.readTables())
	if err != nil {
		return nil, 0, err
	}
	c.Tables = slices.Grow(c.Tables, len(rows))
	for _, r := range rows {
		t, err := scanTable(r)
		if err != nil {
			return nil, 0, err
		}
		c.Tables = append(c.Tables, t)
	}
	slices.SortFunc(c.Tables, replicator.ByOID) // tables without an OID may come in any order
	return c, layout, nil
}

// readCheckpoint returns the checkpoint without its tables, and its layout; nil if there is
// none.
func (w *Warehouse) readCheckpoint(ctx context.Context, s *session) (*replicator.Checkpoint, int, error) {
	layout, err := w.readLayout(ctx, s)
	if err != nil || layout == 0 {
		return nil, 0, err
	}
	rows, err := s.rows(ctx, "read the checkpoint", w.metadata.readCheckpoint())
	if err != nil || len(rows) == 0 {
		return nil, 0, err
	}
	c, err := scanCheckpoint(rows[0])
	if err != nil {
		return nil, 0, err
	}
	return &c, layout, nil
}

const (
	// patience is how long a lock of the fence waits before the sessions that hold it are looked
	// at.
	patience = 3 * time.Second

	// attempts is how often the lock is tried.
	attempts = 20
)

// Fence implements replicator.Warehouse.
func (w *Warehouse) Fence(ctx context.Context, first replicator.Checkpoint) (c replicator.Checkpoint, err error) {
	err = w.with(ctx, func(s *session) error {
		if err := s.forget(ctx); err != nil {
			return err
		}
		if err := w.ensureMetadata(ctx, s); err != nil {
			return err
		}
		for range attempts {
			c, err = w.take(ctx, s, first)
			if !waitedForFence(err) {
				return err
			}
			if err := w.endHolders(ctx, s); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return replicator.Checkpoint{}, err // nobody knows that the epoch was raised
	}
	if err := w.regrant(ctx, c); err != nil {
		return c, err
	}
	if w.first == 0 {
		w.first = c.Epoch
	}
	w.sweepLoads(ctx, c)
	return c, nil
}

// take locks the fence and raises the epoch.
func (w *Warehouse) take(ctx context.Context, s *session, first replicator.Checkpoint) (c replicator.Checkpoint, err error) {
	if err := s.limit(ctx, patience); err != nil {
		return c, err
	}
	var there []replicator.TableState
	err = w.within(ctx, s, patience, []string{"BEGIN"}, []string{w.metadata.lock()}, func() (err error) {
		c, there, err = w.raise(ctx, s, first)
		return err
	})
	if err == nil {
		w.known.tables, w.known.inQuarantine = there, nil // another daemon may have written since we last did
		w.known.resetting = c.Epoch == 1 || slices.ContainsFunc(c.Resets, func(r replicator.Reset) bool { return r.Begun && !r.Done })
	}
	if reset := s.limit(ctx, 0); err == nil {
		err = reset
	}
	return c, err
}

// raise raises the epoch and returns the checkpoint; if there is none, it writes the first one.
// It moves the metadata tables up if their layout is older. there are the tables' states as they
// are written, nil if that is not known: only the holder of the fence writes them, so the next
// merge need not write those again that stay the same, of which there may be thousands.
func (w *Warehouse) raise(ctx context.Context, s *session, first replicator.Checkpoint) (c replicator.Checkpoint, there []replicator.TableState, err error) {
	if err := s.limit(ctx, 0); err != nil {
		return c, nil, err
	}
	was, layout, err := w.read(ctx, s)
	if err == nil {
		err = w.ensureAccounts(ctx, s, layout)
	}
	if err != nil {
		return c, nil, err
	}
	if was == nil {
		if err := w.dropOldLoads(ctx, s); err != nil {
			return c, nil, err
		}
		c, c.Epoch = first, 1
		if _, err := s.run(ctx, "write the first checkpoint", w.metadata.insertCheckpoint(c, w.options.Version)); err != nil {
			return c, nil, err
		}
		return c, nil, w.requireCaseSensitive(ctx, s)
	}
	c = *was
	c.Epoch++
	if layout == newestLayout {
		there = append([]replicator.TableState{}, c.Tables...)
	}
	if err := w.upgrade(ctx, s, layout, c.Tables); err != nil {
		return c, nil, err
	}
	if _, err := s.run(ctx, "raise the epoch", w.metadata.raiseEpoch()); err != nil {
		return c, nil, err
	}
	if c.Resyncs, _, err = w.requests(ctx, s); err != nil {
		return c, nil, err
	}
	if err := w.resets(ctx, s, &c); err != nil {
		return c, nil, err
	}
	return c, there, w.requireCaseSensitive(ctx, s)
}

// dropOldLoads drops, under the fence, the tables of all loads. There is no checkpoint, so they are
// of a pipeline before, and a load that is named like one of theirs would take it for its own.
func (w *Warehouse) dropOldLoads(ctx context.Context, s *session) error {
	names, err := w.tableNames(ctx, s)
	if err != nil {
		return err
	}
	for _, name := range names {
		if loadName.MatchString(name) {
			if _, err := s.run(ctx, "drop a load table of a pipeline before", drop(w.metadata.table(name))); err != nil {
				return err
			}
		}
	}
	return nil
}

// requireCaseSensitive halts if the database ignores case when it compares texts. Keys that
// differ only in case would become one row, and a value of which only the case changed would not
// be written.
func (w *Warehouse) requireCaseSensitive(ctx context.Context, s *session) error {
	n, err := s.number(ctx, "compare texts", w.metadata.countFoldedCase())
	if err != nil || n == 0 {
		return err
	}
	return &replicator.Halt{
		Reason: replicator.WarehouseUnfit,
		Found:  "the database compares texts without regard to case",
		Means:  "rows whose keys differ in case only would become one",
		Repair: "let warehouse.dsn name a database that was made with COLLATE CASE_SENSITIVE, which is the default",
	}
}

// endHolders ends the sessions of our user and pipeline that hold the fence. They belong to
// daemons that were replaced, or that died and whose transactions Redshift keeps open.
func (w *Warehouse) endHolders(ctx context.Context, s *session) error {
	rows, err := s.rows(ctx, "look who holds the fence", w.metadata.holders())
	if err != nil {
		return err
	}
	for _, r := range rows {
		pid := string(r[0])
		ours, err := w.ours(ctx, s, pid)
		if err != nil {
			return err
		}
		if !ours {
			continue // somebody else's session under our user, which is theirs to end
		}
		if _, err := s.rows(ctx, "end a session that holds the fence", terminate(pid)); !answered(err) {
			return err
		}
	}
	return nil
}

// ours reports whether a session that holds the fence belongs to a daemon of this pipeline. It
// goes by the session's application name. Where the user may not see that, it returns true:
// nobody else has a reason to lock the fence.
func (w *Warehouse) ours(ctx context.Context, s *session, pid string) (bool, error) {
	names, err := s.rows(ctx, "look whose session holds the fence", applicationOf(pid))
	switch {
	case !answered(err):
		return false, err
	case err != nil || len(names) == 0:
		return true, nil //nolint:nilerr // the user may not see the name
	}
	return string(names[0][0]) == w.application(), nil
}

// ensureMetadata makes what is missing of the metadata schema. The ledger and the quarantine of a
// pipeline that has begun are left to ensureAccounts, whatever else is missing beside them.
func (w *Warehouse) ensureMetadata(ctx context.Context, s *session) error {
	n, err := s.number(ctx, "look for the metadata schema", countSchema(w.options.MetadataSchema))
	if err != nil {
		return err
	}
	var statements []string
	if n == 0 {
		statements = append(statements, createSchema(w.options.MetadataSchema))
	}
	names, err := w.tableNames(ctx, s)
	if err != nil {
		return err
	}
	if !names.has(fenceTable, checkpointTable, stateTable, requestTable, freshnessView) {
		statements = append(statements, w.createMetadata(names)...)
	}
	return w.explainGrant(ctx, s, s.each(ctx, "create the metadata tables", statements))
}

// ensureAccounts halts if the ledger or the quarantine is gone. If no checkpoint was written
// yet, it makes both, because there is nothing that they could tell. It runs under the fence: a
// daemon that died while it moved the tables up keeps them locked until the fence is taken.
func (w *Warehouse) ensureAccounts(ctx context.Context, s *session, layout int) error {
	names, err := w.tableNames(ctx, s)
	if err != nil || names.has(ledgerTable, quarantineTable) {
		return err
	}
	switch {
	case layout == 0:
		return s.each(ctx, "create the metadata tables", w.metadata.createLedger())
	case layout >= accounted:
		return w.unaccounted(!names.has(ledgerTable))
	}
	return nil // they are made as the tables are moved up
}

// unaccounted returns the halt for a ledger that is gone or, if ledger is false, a quarantine.
// An empty table in its place would claim that nothing was adjusted, or that the target lacks no
// row. Loading the tables again finds everything that it told.
func (w *Warehouse) unaccounted(ledger bool) error {
	p, create := w.metadata.quarantine(), w.metadata.createLedger()[1]
	if ledger {
		p, create = w.metadata.ledger(), w.metadata.createLedger()[0]
	}
	return &replicator.Halt{
		Reason: replicator.WarehouseUnfit,
		Found:  fmt.Sprintf("there is no table %s", p),
		Means:  "somebody dropped it, and with it what it tells of rows and values that the targets do not have as the source has them",
		Repair: fmt.Sprintf("restore it from a snapshot, or make it anew as the loader's user: %s; then rowshift resync each table, which finds what it told of", create),
	}
}

// createMetadata returns the statements that make what is missing of the metadata tables and the
// view, with their grants. names are the tables that are there. Without a checkpoint among them
// nothing was replicated yet, so ledger and quarantine are made as well.
func (w *Warehouse) createMetadata(names metadataTables) []string {
	statements, granted := w.metadata.create(), []place{w.metadata.freshness(), w.metadata.checkpoint(), w.metadata.tableState()}
	begins := !names.has(checkpointTable)
	if begins {
		statements = append(statements, w.metadata.createLedger()...)
	}
	if !names.has(freshnessView) {
		statements = append(statements, w.metadata.createFreshness())
	}
	for _, name := range []string{ledgerTable, quarantineTable} {
		if begins || names.has(name) {
			granted = append(granted, w.metadata.table(name))
		}
	}
	return append(statements, w.grants(rights(w.options.MetadataSchema, granted...))...)
}

// loadName matches the names of a load's tables: what the table is, and the numbers of the epoch,
// of the attempt and of the source table.
var loadName = regexp.MustCompile(`^(?:load|held|ledger)_([0-9]+)_[0-9]+_[0-9]+$`)

// isEarlierLoad reports whether a table belongs to a load of an epoch before that one, by its
// name. A later epoch is that of a daemon that took over meanwhile, and other names are not
// ours.
func isEarlierLoad(name string, epoch replicator.Epoch) bool {
	parts := loadName.FindStringSubmatch(name)
	if parts == nil {
		return false
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	return err == nil && replicator.Epoch(n) < epoch
}

// sweepLoads drops the tables of loads of earlier epochs. It keeps those that the checkpoint
// names for a table that is loaded, or for a load that this process has begun, since it may go
// on with that. A load that another process left unfinished begins again with other tables. A
// table that cannot be dropped now is dropped at the next fence.
func (w *Warehouse) sweepLoads(ctx context.Context, c replicator.Checkpoint) {
	_ = w.with(ctx, func(s *session) error {
		names, err := w.tableNames(ctx, s)
		if err != nil {
			return err
		}
		var loads []place
		for _, name := range names {
			named := slices.ContainsFunc(c.Tables, func(t replicator.TableState) bool {
				return t.Load != nil && (t.Load.Loaded || !isEarlierLoad(name, w.first)) && slices.Contains(tablesOfLoad(t.Load.Into, t.Load.Held), name)
			})
			if !named && isEarlierLoad(name, c.Epoch) {
				loads = append(loads, w.metadata.table(name))
			}
		}
		return w.dropLoads(ctx, s, loads)
	})
}

// dropAtOnce is how many load tables one request drops, and so one commit.
const dropAtOnce = 60

// dropLoads drops load tables, many by one request, because thousands of tables may join
// together. It leaves a table that somebody reads, so that neither a merge nor a fence waits for
// readers. Redshift then takes back the whole request, and its tables are dropped one by one.
// After an error the session must not be used any more.
func (w *Warehouse) dropLoads(ctx context.Context, s *session, loads []place) error {
	if len(loads) == 0 {
		return nil
	}
	timeout := patience + time.Duration(min(len(loads), dropAtOnce))*dropTime
	if err := s.limit(ctx, timeout); err != nil {
		return err
	}
	for some := range slices.Chunk(loads, dropAtOnce) {
		if err := dropSome(ctx, s, timeout, some); err != nil {
			return err
		}
	}
	return s.limit(ctx, 0)
}

// dropTime is how much longer the timeout is for each table, because it may count for a request as
// a whole.
const dropTime = 500 * time.Millisecond

// dropSome drops load tables by one request, or one by one if that is refused.
func dropSome(ctx context.Context, s *session, timeout time.Duration, loads []place) error {
	var statements []string
	for _, p := range loads {
		statements = append(statements, drop(p))
	}
	within := func(timeout time.Duration, statements ...string) error {
		return s.patient(ctx, timeout, func() error {
			_, err := s.together(ctx, "drop load tables", statements)
			return err
		})
	}
	err := within(timeout, statements...)
	if err == nil || !answered(err) {
		return err
	}
	if err := s.limit(ctx, patience); err != nil {
		return err
	}
	for _, sql := range statements {
		if err := within(patience, sql); !answered(err) {
			return err
		}
	}
	return s.limit(ctx, timeout)
}
