package redshift

import (
	"context"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// OpenRequest is something that the daemon was asked for and that is not done.
type OpenRequest struct {
	Kind  string      // resync or reset
	Table schema.Name // of a resync
	Token string      // of a reset; for a resync, the word by which it was asked for
	State string      // requested or taken
	Age   time.Duration
}

// OpenRequests returns what was asked for and is not done, the oldest first.
func (w *Warehouse) OpenRequests(ctx context.Context) (open []OpenRequest, err error) {
	err = w.with(ctx, func(s *session) error {
		names, err := w.tableNames(ctx, s)
		if err != nil || !names.has(requestTable) {
			return err
		}
		rows, err := s.rows(ctx, "read the requests", w.metadata.openRequests())
		if err != nil {
			return err
		}
		for _, r := range rows {
			n := &scanner{row: r}
			one := OpenRequest{Kind: n.text(), Table: schema.Name{Schema: n.text(), Table: n.text()}, Token: n.text(), State: n.text()}
			one.Age = time.Duration(n.number()) * time.Second
			if n.err != nil {
				return altered(n.err)
			}
			open = append(open, one)
		}
		return nil
	})
	return open, err
}

// HeldRows counts the rows that wait in held tables, by their tables' OIDs. A table whose load
// has ended meanwhile is left out.
func (w *Warehouse) HeldRows(ctx context.Context, tables []replicator.TableState) (map[uint32]int64, error) {
	rows := map[uint32]int64{}
	err := w.with(ctx, func(s *session) error {
		names, err := w.tableNames(ctx, s)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if t.Load == nil || !names.has(t.Load.Held) {
				continue
			}
			n, err := s.number(ctx, "count held rows", countRows(w.metadata.table(t.Load.Held)))
			if !answered(err) {
				return err
			}
			if err == nil {
				rows[t.OID] = n
			}
		}
		return nil
	})
	return rows, err
}
