package redshift

import (
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// scanCheckpoint reads a row of the checkpoint table.
func scanCheckpoint(row [][]byte) (c replicator.Checkpoint, err error) {
	s := &scanner{row: row}
	c.Pipeline = s.text()
	c.Epoch = replicator.Epoch(s.number())
	c.Phase = replicator.Phase(s.text())
	c.LSN = s.lsn()
	c.Time = s.time()
	c.System = s.text()
	c.Timeline = int32(s.number())
	c.Database = s.text()
	c.Slot = s.text()
	c.Publication = replicator.PublicationID{OID: uint32(s.number()), XMin: uint32(s.number())}
	return c, altered(s.err)
}

// scanTable reads a row of table_state.
func scanTable(row [][]byte) (t replicator.TableState, err error) {
	s := &scanner{row: row}
	t.OID = uint32(s.number())
	t.Name = schema.Name{Schema: s.text(), Table: s.text()}
	t.Target = s.text()
	t.State = replicator.State(s.text())
	t.Row = replicator.PublicationID{OID: uint32(s.number()), XMin: uint32(s.number())}
	d, err := readDetail(s.text())
	if err != nil {
		return t, altered(fmt.Errorf("redshift: the state of %v cannot be read: %w", t.Name, err))
	}
	t.Shape, t.Heap, t.Parts, t.Run, t.Past, t.Load, t.LastLoad = d.Shape, d.Heap, d.Parts, d.Run, d.Past, d.Load, d.LastLoad
	t.Reason, t.Why, t.Repair, t.Renaming = d.Reason, d.Why, d.Repair, d.Renaming
	return t, altered(s.err)
}
