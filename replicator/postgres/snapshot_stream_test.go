package postgres

import (
	"context"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
)

// received is a transaction as the slot's stream brings it.
type received struct {
	xid     uint32
	end     replicator.LSN
	changes []change
}

// change is one of a received transaction's changes. A truncation has no rows, an insert
// only a new one, a delete only an old one.
type change struct {
	table string
	op    replicator.Op
	old   []string // the key at least
	new   []string
}

// create makes the publication and the slot as a first run does, with the database's name.
func (w *world) create() {
	w.t.Helper()
	w.options.Create, w.options.Publication, w.options.Slot = true, "rowshift", w.config.Database
	w.program.RuntimeParams["synchronous_commit"] = "local" // making a publication ends with a commit like any other
	if _, err := w.Create(w.t.Context(), replicator.CreateRequest{}); err != nil {
		w.t.Fatal(err)
	}
	w.program.RuntimeParams["synchronous_commit"] = "on"
}

// slot makes the slot, which waits for running transactions. Nothing else happens between
// that wait and its return.
func (w *world) slot(ctx context.Context, conn *session) error {
	_, err := conn.Exec(ctx, `SELECT pg_create_logical_replication_slot(current_database(), 'pgoutput')`)
	return err
}

// drop drops the slot, if it is there, once nobody streams from it.
func (w *world) drop(conn *session) {
	w.t.Helper()
	w.until(conn, `NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = current_database() AND active)`)
	w.exec(conn, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = current_database()`)
}

// streamed returns all that the slot holds, as the origin's Source brings it.
func (w *world) streamed(ctx context.Context) (all []received, err error) {
	source, opened, err := w.Open(ctx, replicator.OpenRequest{End: true})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	for {
		c, err := source.Next(ctx, 0)
		if err != nil {
			return nil, err
		}
		last := len(all) - 1
		switch c.Op {
		case replicator.Mark, replicator.Commit:
			if c.Op == replicator.Commit {
				all[last].end = c.LSN
			}
			if c.LSN >= opened.End {
				return all, nil
			}
		case replicator.Begin:
			all = append(all, received{xid: c.XID})
		default:
			all[last].changes = append(all[last].changes, change{table: c.Table.Name.Table, op: c.Op, old: strung(c.Key), new: strung(c.New)})
		}
	}
}

// peeked returns all that the slot holds, read by a function of the server and by another
// decoder than the product's, so that a mistake in those does not hide one in the snapshot.
func (w *world) peeked(ctx context.Context, conn *session) ([]received, error) {
	rows, err := conn.Query(ctx, `
		SELECT data FROM pg_logical_slot_peek_binary_changes(current_database(), NULL, NULL, 'proto_version', '1', 'publication_names', 'rowshift')`)
	if err != nil {
		return nil, err
	}
	messages, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, err
	}
	g := gathered{names: map[uint32]string{}}
	for _, m := range messages {
		message, err := pglogrepl.Parse(m)
		if err != nil {
			return nil, err
		}
		g.take(message)
	}
	return g.all, nil
}

// gathered collects the transactions that messages hold.
type gathered struct {
	names map[uint32]string
	all   []received
}

func (g *gathered) take(message pglogrepl.Message) {
	last := len(g.all) - 1
	add := func(relation uint32, op replicator.Op, old, new *pglogrepl.TupleData) {
		g.all[last].changes = append(g.all[last].changes, change{table: g.names[relation], op: op, old: values(old), new: values(new)})
	}
	switch m := message.(type) {
	case *pglogrepl.RelationMessage:
		g.names[m.RelationID] = m.RelationName
	case *pglogrepl.BeginMessage:
		g.all = append(g.all, received{xid: m.Xid})
	case *pglogrepl.CommitMessage:
		g.all[last].end = replicator.LSN(m.TransactionEndLSN)
	case *pglogrepl.InsertMessage:
		add(m.RelationID, replicator.Insert, nil, m.Tuple)
	case *pglogrepl.UpdateMessage:
		add(m.RelationID, replicator.Update, m.OldTuple, m.NewTuple)
	case *pglogrepl.DeleteMessage:
		add(m.RelationID, replicator.Delete, m.OldTuple, nil)
	case *pglogrepl.TruncateMessage:
		for _, relation := range m.RelationIDs {
			add(relation, replicator.Truncate, nil, nil)
		}
	}
}

// values returns a tuple's values as strings.
func values(t *pglogrepl.TupleData) []string {
	if t == nil {
		return nil
	}
	var all []string
	for _, c := range t.Columns {
		switch c.DataType {
		case pglogrepl.TupleDataTypeNull:
			all = append(all, null)
		case pglogrepl.TupleDataTypeToast:
			all = append(all, "<unchanged>")
		default:
			all = append(all, string(c.Data))
		}
	}
	return all
}
