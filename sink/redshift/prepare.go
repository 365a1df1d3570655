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
	took   time.Duration // for the copying
}

// Prepare implements replicator.Warehouse. It makes temporary tables in the session that merges.
// They are gone if the session is. Otherwise the next merge with anything staged drops them,
// whether they are for it or not, or the next fence does.
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
		session.ahead.took += run.merged.Steps[replicator.StepCopy]
		return nil
	})
}

// waits reports whether something is prepared in the session; s may be nil.
func (s *session) waits() bool { return s != nil && len(s.ahead.made) > 0 }

// forget drops what was prepared in an earlier pass. Each fence begins with it.
func (s *session) forget(ctx context.Context) error {
	made := s.ahead.made
	s.ahead = prepared{}
	if len(made) == 0 {
		return nil
	}
	_, err := s.run(ctx, "drop the staging tables", drop(made...))
	return err
}

// takeOver gives the merge what was prepared, which it drops with its own tables. A merge with
// nothing staged leaves it to the merge that it is for.
func (m *merging) takeOver() {
	if len(m.merge.Staged) == 0 {
		return
	}
	m.ahead, m.session.ahead = m.session.ahead, prepared{}
	m.made = m.ahead.made
	if m.ahead.took > 0 {
		m.merged.Steps[replicator.StepCopy] = m.ahead.took
	}
}
