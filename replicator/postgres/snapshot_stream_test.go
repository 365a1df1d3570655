package postgres

import (
	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
)

// received is a transaction as the slot's stream brings it. The decoder is another
// than the product's, and the slot is read by a function and not by a walsender, so
// that a mistake there does not hide one in the snapshot.
type received struct {
	xid     uint32
	end     replicator.LSN
	changes []change
}

// change is one of a received transaction's. A truncation has no rows, an insert only
// a new one, a delete only an old one.
type change struct {
	table string
	op    pglogrepl.MessageType
	old   []string // the key at least
	new   []string
}

// hold makes a publication of all tables and a slot.
func (w *world) hold(conn *pgx.Conn) {
	w.t.Helper()
	w.exec(conn, `CREATE PUBLICATION rowshift FOR ALL TABLES`)
	w.slot(conn)
}

// slot makes a slot, named as the database, which waits for running transactions.
func (w *world) slot(conn *pgx.Conn) {
	w.t.Helper()
	w.exec(conn, `SELECT pg_create_logical_replication_slot(current_database(), 'pgoutput')`)
}

// drop drops the slot, if it is there.
func (w *world) drop(conn *pgx.Conn) {
	w.t.Helper()
	w.exec(conn, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = current_database()`)
}

// stream returns all that the slot holds.
func (w *world) stream(conn *pgx.Conn) ([]received, error) {
	rows, err := conn.Query(w.t.Context(), `
		SELECT data FROM pg_logical_slot_peek_binary_changes(current_database(), NULL, NULL, 'proto_version', '1', 'publication_names', 'rowshift')`)
	if err != nil {
		return nil, err
	}
	messages, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, err
	}
	d := gathered{names: map[uint32]string{}}
	for _, m := range messages {
		message, err := pglogrepl.Parse(m)
		if err != nil {
			return nil, err
		}
		d.take(message)
	}
	return d.all, nil
}

// gathered are the transactions of messages.
type gathered struct {
	names map[uint32]string
	all   []received
}

func (d *gathered) take(message pglogrepl.Message) {
	last := len(d.all) - 1
	add := func(relation uint32, op pglogrepl.MessageType, old, new *pglogrepl.TupleData) {
		d.all[last].changes = append(d.all[last].changes, change{table: d.names[relation], op: op, old: values(old), new: values(new)})
	}
	switch m := message.(type) {
	case *pglogrepl.RelationMessage:
		d.names[m.RelationID] = m.RelationName
	case *pglogrepl.BeginMessage:
		d.all = append(d.all, received{xid: m.Xid})
	case *pglogrepl.CommitMessage:
		d.all[last].end = replicator.LSN(m.TransactionEndLSN)
	case *pglogrepl.InsertMessage:
		add(m.RelationID, m.Type(), nil, m.Tuple)
	case *pglogrepl.UpdateMessage:
		add(m.RelationID, m.Type(), m.OldTuple, m.NewTuple)
	case *pglogrepl.DeleteMessage:
		add(m.RelationID, m.Type(), m.OldTuple, nil)
	case *pglogrepl.TruncateMessage:
		for _, relation := range m.RelationIDs {
			add(relation, m.Type(), nil, nil)
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
