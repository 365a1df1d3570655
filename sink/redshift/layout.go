package redshift

import (
	"context"
	"fmt"
	"strconv"

	"rowshift/replicator"
)

// readLayout returns the layout of the metadata tables, 0 if there is no checkpoint yet. It
// halts if this binary does not know the layout.
func (w *Warehouse) readLayout(ctx context.Context, s *session) (int, error) {
	rows, err := s.rows(ctx, "read the layout", w.metadata.readLayout())
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	if len(rows) > 1 {
		return 0, altered(fmt.Errorf("redshift: %d checkpoints in schema %s", len(rows), w.options.MetadataSchema))
	}
	layout, err := strconv.Atoi(string(rows[0][0]))
	if err != nil || layout < 1 {
		return 0, altered(fmt.Errorf("redshift: the metadata tables are of layout %q", rows[0][0]))
	}
	if layout > newestLayout {
		return 0, w.newer(ctx, s, layout)
	}
	return layout, nil
}

// newer returns the halt for metadata tables that a newer rowshift has moved up. Its query may
// fail, so nothing can follow it in a transaction.
func (w *Warehouse) newer(ctx context.Context, s *session, layout int) error {
	needed := "a newer rowshift"
	if rows, err := s.rows(ctx, "read who wrote the layout", w.metadata.readWriter()); err == nil && len(rows) == 1 && len(rows[0][0]) > 0 {
		needed = "rowshift " + string(rows[0][0]) + " or later"
	}
	return &replicator.Halt{
		Reason: replicator.WarehouseUnfit,
		Found:  fmt.Sprintf("the metadata tables in schema %s are of layout %d, which needs %s", w.options.MetadataSchema, layout, needed),
		Means:  fmt.Sprintf("a newer rowshift has moved them up; this one is %s and knows layouts up to %d", w.options.Version, newestLayout),
		Repair: "run " + needed,
	}
}

// steps returns the statements that move the metadata tables up from a layout, none if there is
// no checkpoint yet.
func (w *Warehouse) steps(from int) []string {
	var statements []string
	if from > 0 {
		for _, step := range w.metadata.upgrades()[from-1:] {
			statements = append(statements, step...)
		}
	}
	return statements
}

// upgrade moves the metadata tables up from an older layout. It runs in the transaction that
// takes the fence, so a daemon that dies in it leaves them as they were. It does not wait long
// for readers of the tables, because it has the fence.
func (w *Warehouse) upgrade(ctx context.Context, s *session, from int, tables []replicator.TableState) error {
	if from == newestLayout {
		return nil
	}
	statements := append([]string{setTimeout(10 * patience)}, w.steps(from)...)
	for _, t := range tables {
		if t.Load != nil && t.Load.Held != "" {
			statements = append(statements, createLoadLedger(w.metadata.loadLedger(t.Load.Held))) // unless it is there
		}
	}
	statements = append(statements, w.metadata.raiseLayout(w.options.Version), setTimeout(0))
	return s.each(ctx, "move the metadata tables up", statements)
}
