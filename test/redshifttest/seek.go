package redshifttest

import (
	"context"
	"sync"
)

// Redshift finds the slice of a row by the hash of its DISTKEY, and skips the blocks that
// do not concern a statement, where PostgreSQL reads a whole table to find a few rows of
// it. So a large table in which few rows are sought again and again gets a hash index of
// its DISTKEY on the backing server, which nobody sees. One into which rows are only
// written has none, nor has one of which much is sought at once: reading it costs less
// then than keeping an index up.
// https://docs.aws.amazon.com/redshift/latest/dg/t_Distributing_data.html
// https://docs.aws.amazon.com/redshift/latest/dg/t_Sorting_data.html

// seeksToIndex is how often a table is read as a whole before it gets its index: making
// one costs about as much as so many readings.
const seeksToIndex = 10

// seeks counts how often few rows of tables were sought that have no index.
type seeks struct {
	mu    sync.Mutex
	times map[soughtTable]int
}

// soughtTable is a table by its OID, which is one in its database.
type soughtTable struct{ database, oid string }

// due counts one more time, and tells whether the table is to have its index.
func (s *seeks) due(t soughtTable) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = map[soughtTable]int{}
	}
	if s.times[t]++; s.times[t] < seeksToIndex {
		return false
	}
	delete(s.times, t)
	return true
}

// seek looks at a statement that joins the table that it writes, and gives the table its
// index when it is due: in the transaction, whose lock on the table is stronger than what
// that takes, so that nobody is waited for; what begins with WITH has no such lock.
// Serializable sessions would not use it, and a table that a cursor reads can be given none.
func (c *session) seek(ctx context.Context, s *statement) error {
	if s.target == "" || len(s.sought) == 0 || c.level == Serializable || c.transaction.cursor != "" {
		return nil
	}
	var others []string
	for _, n := range s.named[1:] {
		others = append(others, n.sql())
	}
	oid, err := c.value(ctx, "SELECT "+catalogueSchema+".sought($1, $2::text[], $3::text[])", s.target, textArray(s.sought), textArray(others))
	if err != nil || oid == "" || !c.server.seeks.due(soughtTable{c.database, oid}) {
		return err
	}
	_, err = c.ask(ctx, "SELECT "+catalogueSchema+".find_by_distkey($1::text::oid)", oid)
	return err
}
