package redshift

import (
	"context"
	"slices"

	"rowshift/replicator"
	"rowshift/schema"
)

// Request asks the daemon to load tables again. word tells this request from all others. The
// daemon sees it in the next transaction that it makes anyway. The error is a *replicator.Halt
// if no daemon of this version has run yet.
func (w *Warehouse) Request(ctx context.Context, word string, tables []schema.Name) error {
	return w.with(ctx, func(s *session) error {
		if err := w.requestable(ctx, s); err != nil {
			return err
		}
		_, err := s.run(ctx, "request", w.metadata.requestResyncs(word, tables))
		return err
	})
}

// ResyncState is what has become of a request to load a table again.
type ResyncState string

// The states of such a request.
const (
	ResyncRequested ResyncState = requested // no daemon has taken it up yet
	ResyncTaken     ResyncState = taken     // the table is being loaded
	ResyncDone      ResyncState = done      // it is live again
	ResyncRefused   ResyncState = refused   // no such table is replicated
)

// Answer is what has become of the request for a table.
type Answer struct {
	Table schema.Name // by the name that the config has for it now
	State ResyncState
}

// Answers returns what has become of the tables that were asked for by a word, sorted by name.
func (w *Warehouse) Answers(ctx context.Context, word string) (answers []Answer, err error) {
	err = w.with(ctx, func(s *session) error {
		rows, err := s.rows(ctx, "read the requests", w.metadata.answersTo(word))
		for _, r := range rows {
			answers = append(answers, Answer{Table: schema.Name{Schema: string(r[0]), Table: string(r[1])}, State: ResyncState(r[2])})
		}
		return err
	})
	return answers, err
}

// requestable halts if there is no table to put a request into.
func (w *Warehouse) requestable(ctx context.Context, s *session) error {
	names, err := w.tableNames(ctx, s)
	if err != nil || names.has(requestTable) {
		return err
	}
	return &replicator.Halt{
		Reason: replicator.CheckpointMissing,
		Found:  "schema " + w.options.MetadataSchema + " has no table of requests",
		Means:  "no rowshift of this version has run with it yet",
		Repair: "start the daemon first",
	}
}

// requests returns the tables for which a load is asked, and whether a slot reset is asked for.
func (w *Warehouse) requests(ctx context.Context, s *session) (names []schema.Name, resetAsked bool, err error) {
	rows, err := s.rows(ctx, "read the requests", w.metadata.readRequests())
	if err != nil {
		return nil, false, err
	}
	for _, r := range rows {
		switch string(r[0]) {
		case resync:
			names = append(names, schema.Name{Schema: string(r[1]), Table: string(r[2])})
		case reset:
			resetAsked = true
		}
	}
	return names, resetAsked, nil
}

// resets adds the slot resets that are remembered to c. If c is in phase Creating, it also sets
// c.Reset to the one that is under way.
func (w *Warehouse) resets(ctx context.Context, s *session, c *replicator.Checkpoint) error {
	rows, err := s.rows(ctx, "read the resets", w.metadata.readResets())
	if err != nil {
		return err
	}
	for _, r := range rows {
		one := replicator.Reset{Token: string(r[0]), Begun: string(r[1]) != requested, Done: string(r[1]) == done}
		c.Resets = append(c.Resets, one)
		if string(r[1]) == taken && c.Phase == replicator.Creating {
			c.Reset = one.Token
		}
	}
	return nil
}

// remember notes that a reset is under way and, once no table is left to load, that none is. That
// need not come with a join: the last table that loads may be parked, or be taken out of the
// config. A reset that stayed under way would let a slot that is lost later be made anew without
// anybody's word.
func (m *merging) remember(ctx context.Context) error {
	c := m.merge.Checkpoint
	if c.Reset != "" {
		now := replicator.Checkpoint{}
		if err := m.resets(ctx, m.session, &now); err != nil {
			return err
		}
		sql := m.metadata.takeReset(c.Reset)
		if !slices.ContainsFunc(now.Resets, func(r replicator.Reset) bool { return r.Token == c.Reset }) {
			sql = m.metadata.insertReset(c.Reset, taken)
		}
		m.known.resetting = true
		_, err := m.session.run(ctx, "remember the reset", sql)
		return err
	}
	planned := c.Phase == replicator.Streaming && len(c.Tables) > 0 // until then, nobody knows which tables are to be loaded
	if !m.known.resetting || !planned || slices.ContainsFunc(c.Tables, func(t replicator.TableState) bool { return t.State == replicator.Loading }) {
		return nil
	}
	m.known.resetting = false
	_, err := m.session.run(ctx, "remember the reset", m.metadata.finishResets())
	return err
}

// answer answers the requests that the merge fulfils and those for tables that are not
// replicated. It leaves the others for the core to see.
func (m *merging) answer(ctx context.Context) error {
	c := m.merge.Checkpoint
	if c.Phase != replicator.Streaming || len(c.Tables) == 0 {
		return nil // the tables are not known yet
	}
	for _, s := range m.merge.Staged {
		for _, j := range s.Joins {
			if _, err := m.session.run(ctx, "answer a request", m.metadata.answerRequests(j.Table.Configured, taken, done, "done_at")); err != nil {
				return err
			}
		}
	}
	if !m.asked {
		return nil
	}
	asked, resetAsked, err := m.requests(ctx, m.session)
	if err != nil {
		return err
	}
	m.merged.ResetAsked = resetAsked
	for _, n := range asked {
		to, at := answerTo(c, n)
		if to == "" {
			m.merged.Resyncs = append(m.merged.Resyncs, n)
			continue
		}
		if _, err := m.session.run(ctx, "answer a request", m.metadata.answerRequests(n, requested, to, at)); err != nil {
			return err
		}
	}
	return nil
}

// answerTo returns what a request becomes now, and the column for the time of that; both are
// empty if the request waits.
func answerTo(c replicator.Checkpoint, n schema.Name) (state, at string) {
	i := slices.IndexFunc(c.Tables, func(t replicator.TableState) bool { return t.Name == n })
	switch {
	case i < 0:
		return refused, "done_at"
	case c.Tables[i].State == replicator.Loading && c.Tables[i].Load != nil && c.Tables[i].Load.HandOver == 0:
		return taken, "taken_at"
	}
	return "", ""
}

// resyncOf returns the repair for a table whose rows are not what they should be.
func resyncOf(t *schema.Table) string { return resyncNamed(t.Configured) }

func resyncNamed(name schema.Name) string {
	return "rowshift resync " + name.String() + ": the table is compared with the source and only what differs is written"
}
