package redshift

import (
	"context"
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// reconcile makes a target equal to a load table by writing only what differs.
// Readers, views and grants notice nothing.
func (m *merging) reconcile(ctx context.Context, t *schema.Table, load, gone place) error {
	target := in(m.options.Schema, t.Target)
	n, err := m.session.number(ctx, "reconcile", countRows(target))
	if err != nil {
		m.refusing = t
		return err
	}
	if n == 0 { // nothing to compare, which would be most of the work for a large table
		if err := m.equalise(ctx, t, insertLoaded(target, load, t)); err != nil {
			return err
		}
		return m.equal(ctx, t, load)
	}
	err = m.equalise(ctx, t,
		deleteDifferent(target, load, t), findGone(gone, target, load, t), deleteGone(target, gone, t), insertLacking(target, load, t))
	if err != nil {
		return err
	}
	more, err := m.surplus(ctx, t, load)
	if err != nil || more == 0 {
		return err
	}
	// The target has rows without a key, or several of one key: its rows were written when
	// the key was another one, or somebody else wrote to it.
	err = m.equalise(ctx, t,
		deleteKeyless(target, t), deleteAll(gone), findTwice(gone, target, t), deleteGone(target, gone, t), insertLacking(target, load, t))
	if err != nil {
		return err
	}
	return m.equal(ctx, t, load)
}

// surplus returns how many rows more a target has than the load table; it is negative if the
// target has fewer.
func (m *merging) surplus(ctx context.Context, t *schema.Table, load place) (int64, error) {
	n, err := m.session.number(ctx, "reconcile", surplus(in(m.options.Schema, t.Target), load))
	if err != nil {
		m.refusing = t
	}
	return n, err
}

// equal makes sure that a target has as many rows as the load table that it was made equal to.
// It does not if row-level security hides rows from us: Redshift silently applies that to the
// rows that are read, updated and deleted, also by the owner, but not to those that are
// inserted.
// https://docs.aws.amazon.com/redshift/latest/dg/t_rls_usage.html
func (m *merging) equal(ctx context.Context, t *schema.Table, load place) error {
	more, err := m.surplus(ctx, t, load)
	if err != nil || more == 0 {
		return err
	}
	p, found := in(m.options.Schema, t.Target), "%d rows more than"
	if more < 0 {
		more, found = -more, "%d rows fewer than"
	}
	return unfit(t, &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("%s shows "+found+" were just made to be in it", p, more),
		Means:  "most likely row-level security hides rows of the target from the loader, whose changes then leave rows that should go and write others twice",
		Repair: fmt.Sprintf("as a superuser or sys:secadmin, the role once for all targets: %s or do without it: %s then %s", ignorePolicies(m.user(m.session)), forgetPolicies(p), resyncOf(t)),
	})
}

// equalise runs statements that bring a target closer to a load table.
func (m *merging) equalise(ctx context.Context, t *schema.Table, statements ...string) error {
	for _, sql := range statements {
		if err := m.count(ctx, t, replicator.StepReconcile, sql); err != nil {
			return err
		}
	}
	return nil
}
