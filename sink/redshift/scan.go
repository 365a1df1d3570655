package redshift

import (
	"fmt"
	"strconv"
	"time"

	"rowshift/replicator"
)

// timeLayout is how times are written and read, in UTC.
const timeLayout = "2006-01-02 15:04:05.999999"

// scanner reads the columns of a row, in order. The first error sticks.
type scanner struct {
	row [][]byte
	at  int
	err error
}

func (s *scanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *scanner) text() string {
	s.at++
	if s.at > len(s.row) {
		s.fail(fmt.Errorf("redshift: a metadata row has %d columns", len(s.row)))
		return ""
	}
	return string(s.row[s.at-1])
}

func (s *scanner) number() int64 { return s.parse(s.text()) }

// optional is number, and 0 for NULL.
func (s *scanner) optional() int64 {
	if text := s.text(); text != "" {
		return s.parse(text)
	}
	return 0
}

func (s *scanner) parse(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.fail(fmt.Errorf("redshift: column %d of a metadata row is not a number", s.at))
	}
	return n
}

func (s *scanner) lsn() replicator.LSN {
	l, err := replicator.ParseLSN(s.text())
	if err != nil {
		s.fail(fmt.Errorf("redshift: column %d of a metadata row is not a position: %w", s.at, err))
	}
	return l
}

func (s *scanner) time() (t time.Time) {
	text := s.text()
	if text == "" {
		return t
	}
	t, err := time.Parse(timeLayout, text)
	if err != nil {
		s.fail(fmt.Errorf("redshift: column %d of a metadata row is not a time", s.at))
	}
	return t
}

// altered turns an error of reading the metadata tables into a halt; nil stays nil.
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
