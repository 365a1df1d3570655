package redshift

import (
	"context"
	"slices"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// RefusedRow is a row of the source that is in quarantine: the target does not have it.
type RefusedRow struct {
	Table         schema.Name
	Key           string // a JSON array of the texts of its columns
	Reason        string
	Column        string         // in the target; empty if the reason is not about one
	OriginalBytes int64          // of the column's value at the source; 0 if the reason is not about one
	LSN           replicator.LSN // of its commit
	CommittedAt   time.Time      // zero if that is not known
	Object        string         // URL of what holds the row; empty if nothing does
	WrittenAt     time.Time
}

// Quarantined counts the rows in quarantine by table. There are none if no daemon of this
// version has run yet.
func (w *Warehouse) Quarantined(ctx context.Context) (open map[schema.Name]int64, err error) {
	err = w.withQuarantine(ctx, func(s *session) error {
		rows, err := s.rows(ctx, "count the quarantine", w.metadata.countOpen())
		if err != nil {
			return err
		}
		open, err = scanOpen(rows)
		return err
	})
	return open, err
}

// Quarantine lists rows in quarantine, up to limit: those of the given tables or, without any,
// of all.
func (w *Warehouse) Quarantine(ctx context.Context, tables []schema.Name, limit int) (refused []RefusedRow, err error) {
	if len(tables) == 0 {
		tables = []schema.Name{{}} // of all
	}
	err = w.withQuarantine(ctx, func(s *session) error {
		for _, n := range tables {
			rows, err := s.rows(ctx, "list the quarantine", w.metadata.listOpen(n, limit-len(refused)))
			if err != nil {
				return err
			}
			for _, row := range rows {
				r, err := scanRefused(row)
				if err != nil {
					return err
				}
				refused = append(refused, r)
			}
			if len(refused) == limit {
				break
			}
		}
		return nil
	})
	return refused, err
}

// DropQuarantine deletes a table's entries, lifted ones too; if keys are given, only theirs. It
// returns how many it deleted, and the URLs of the objects that no entry names any more.
func (w *Warehouse) DropQuarantine(ctx context.Context, n schema.Name, keys []string) (dropped int64, over []string, err error) {
	err = w.withQuarantine(ctx, func(s *session) error {
		named, err := w.objects(ctx, s, w.metadata.quarantine())
		if err != nil {
			return err
		}
		if dropped, err = s.run(ctx, "drop rows of the quarantine", w.metadata.dropQuarantine(n, keys)); err != nil {
			return err
		}
		left, err := w.objects(ctx, s, w.metadata.quarantine())
		over = slices.DeleteFunc(named, func(url string) bool { return slices.Contains(left, url) })
		return err
	})
	return dropped, over, err
}

// KeptObjects returns the URLs of the objects that entries name, including entries that were
// lifted and those that wait for the join of a load.
func (w *Warehouse) KeptObjects(ctx context.Context) (urls []string, err error) {
	err = w.withQuarantine(ctx, func(s *session) error {
		names, err := w.tableNames(ctx, s)
		if err != nil {
			return err
		}
		places := []place{}
		for _, name := range names {
			if strings.HasPrefix(name, loadLedgers) {
				places = append(places, w.metadata.table(name))
			}
		}
		places = append(places, w.metadata.quarantine()) // last, because entries move here
		for _, p := range places {
			some, err := w.objects(ctx, s, p)
			if codeOf(err) == noTable && p != w.metadata.quarantine() {
				continue // it has joined since it was listed, and its entries are in quarantine, or its load was given up
			}
			if err != nil {
				return err
			}
			urls = append(urls, some...)
		}
		return nil
	})
	return urls, err
}

func (w *Warehouse) objects(ctx context.Context, s *session, of place) (urls []string, err error) {
	rows, err := s.rows(ctx, "list what is kept", keptObjects(of))
	for _, r := range rows {
		urls = append(urls, string(r[0]))
	}
	return urls, err
}

// withQuarantine calls do if there is a quarantine, that is, once a daemon of this version has
// run. If somebody has dropped it since, it halts, because a dropped quarantine is not an empty
// one.
func (w *Warehouse) withQuarantine(ctx context.Context, do func(*session) error) error {
	return w.with(ctx, func(s *session) error {
		names, err := w.tableNames(ctx, s)
		switch {
		case err != nil:
			return err
		case names.has(ledgerTable, quarantineTable):
			return do(s)
		case !names.has(checkpointTable):
			return nil
		}
		layout, err := w.readLayout(ctx, s)
		if err != nil || layout < accounted {
			return err
		}
		return w.unaccounted(!names.has(ledgerTable))
	})
}

// scanRefused reads a row of listOpen.
func scanRefused(row [][]byte) (RefusedRow, error) {
	s := &scanner{row: row}
	r := RefusedRow{Table: schema.Name{Schema: s.text(), Table: s.text()}, Key: s.text(), Reason: s.text(), Column: s.text()}
	r.OriginalBytes, r.LSN, r.CommittedAt, r.Object, r.WrittenAt = s.optional(), s.lsn(), s.time(), s.text(), s.time()
	return r, altered(s.err)
}
