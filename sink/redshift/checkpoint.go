package redshift

import (
	"fmt"
	"strconv"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// scanner reads the columns of a row, in order. The first error sticks.
type scanner struct {
	row [][]byte
	at  int
	err error
}

func (s *scanner) text() string {
	s.at++
	if s.at > len(s.row) {
		s.err = fmt.Errorf("redshift: a metadata row has %d columns", len(s.row))
		return ""
	}
	return string(s.row[s.at-1])
}

func (s *scanner) number() int64 {
	text := s.text()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("redshift: column %d of a metadata row is not a number", s.at)
	}
	return n
}

func (s *scanner) lsn() replicator.LSN {
	l, err := replicator.ParseLSN(s.text())
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("redshift: the checkpoint was altered: %w", err)
	}
	return l
}

func (s *scanner) time() (t time.Time) {
	text := s.text()
	if text == "" {
		return t
	}
	t, err := time.Parse("2006-01-02 15:04:05.999999", text)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("redshift: a time in the checkpoint cannot be read")
	}
	return t
}

// altered halts because of a checkpoint that cannot be read, if err is set.
func altered(err error) error {
	if err == nil {
		return nil
	}
	return &replicator.Halt{
		Reason: replicator.WarehouseUnfit,
		Found:  err.Error(),
		Means:  "the metadata tables were altered by hand, or are not rowshift's",
		Repair: "restore them, or start over as the runbook's \"Starting over\" says",
		Cause:  err,
	}
}

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
	t.Shape, t.Heap, t.Parts, t.Past, t.Load, t.LastLoad = d.Shape, d.Heap, d.Parts, d.Past, d.Load, d.LastLoad
	t.Reason, t.Why, t.Repair, t.Renaming = d.Reason, d.Why, d.Repair, d.Renaming
	return t, altered(s.err)
}
