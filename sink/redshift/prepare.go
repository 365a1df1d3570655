package redshift

import (
	"context"
	"maps"
	"time"

	"rowshift/replicator"
)

// prepared are staging tables that a session has ahead of the merge that they are for.
type prepared struct {
	stages map[*replicator.StagedFold]staging
	made   []place
	took   time.Duration // the copying
}

// Prepare implements replicator.Warehouse. What it makes are temporary tables of the
// session that merges: they are gone if it is, and dropped by the next merge of anything,
// whether it is the one that they are for or not, or by the next fence.
func (w *Warehouse) Prepare(ctx context.Context, s *replicator.Staged) error {
	return w.with(ctx, func(session *session) error {
		run := newMerging(w, &replicator.Merge{Staged: []*replicator.Staged{s}})
		run.session = session
		stages, err := run.stageAll(ctx)
		session.ahead.made = append(session.ahead.made, run.made...)
		if err != nil {
			return err
		}
		if session.ahead.stages == nil {
			session.ahead.stages = map[*replicator.StagedFold]staging{}
		}
		maps.Copy(session.ahead.stages, stages)
		session.ahead.took += run.merged.Steps["copy"]
		return nil
	})
}

// waits tells whether something is prepared in the session, if there is one.
func (s *session) waits() bool { return s != nil && len(s.ahead.made) > 0 }

// forget drops what was prepared for merges of a pass that is over: each fence begins with it.
func (s *session) forget(ctx context.Context) error {
	made := s.ahead.made
	s.ahead = prepared{}
	if len(made) == 0 {
		return nil
	}
	_, err := s.run(ctx, "drop the staging tables", drop(made...))
	return err
}

// takeOver makes what was prepared the merge's own, to be dropped with what it makes. A
// merge of nothing leaves it to the one that it is for.
func (m *merging) takeOver() {
	if len(m.merge.Staged) == 0 {
		return
	}
	m.ahead, m.session.ahead = m.session.ahead, prepared{}
	m.made = m.ahead.made
	if m.ahead.took > 0 {
		m.merged.Steps["copy"] = m.ahead.took
	}
}
