package redshift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// blocked says that others have kept a target from being altered, by a lock.
type blocked struct {
	since  time.Time // when the first try began that timed out
	last   time.Time // when the last one timed out
	parked bool      // the table was found to be unfit for that
}

// blocker is a session that has a lock on a target, for which an alteration waits.
type blocker struct {
	pid, user string
	open      time.Duration // how long its transaction has been open
}

// blocker returns the session whose transaction has been open for longest of those that have a
// lock on a target; nil if Redshift shows none, which does not mean that there is none: see
// blockerOf.
func (m *merging) blocker(ctx context.Context, t *schema.Table) *blocker {
	rows, err := m.session.rows(ctx, "look who has the target locked", blockerOf(m.options.Schema, t.Target))
	if err != nil || len(rows) == 0 {
		return nil
	}
	seconds, err := strconv.Atoi(string(rows[0][2]))
	if err != nil {
		return nil
	}
	return &blocker{pid: string(rows[0][0]), user: strings.TrimSpace(string(rows[0][1])), open: time.Duration(seconds) * time.Second}
}

// retryBlocked makes ready for another try at a target that was blocked until its table was parked.
// It returns a *replicator.Unfit if somebody still blocks the target, who may be somebody else. That
// costs no wait, in which all tables would stand still. A process that has just started knows of no
// blocked target, and waits for one anew. If whoever is shown came lately, the alteration begins
// anew. If nobody is shown, there may be somebody all the same, so it gets one try more, and that a
// short one unless it may take long by itself.
func (m *merging) retryBlocked(ctx context.Context, t *schema.Table, a alteration) error {
	if !m.known.blocked[t.Target].parked {
		return nil
	}
	by := m.blocker(ctx, t)
	switch {
	case by != nil && by.open >= m.options.BlockedWait:
		return m.blockedBy(t, a, by)
	case by != nil:
		delete(m.known.blocked, t.Target)
	case m.moves(t, a):
		return nil // shorter tries than the last would not let it end
	}
	for _, sql := range a.statements {
		delete(m.known.tries, sql)
	}
	return nil
}

// moves reports whether an alteration writes all rows of a target anew.
func (m *merging) moves(t *schema.Table, a alteration) bool {
	return slices.ContainsFunc(a.statements, func(sql string) bool { return movesRows(in(m.options.Schema, t.Target), sql) })
}

// timedOut reports whether err is that of an alteration that was given up because it took too long.
func (m *merging) timedOut(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Op == opAlter && e.Code == cancelled && !passes(e.Message) && !m.session.conn.IsClosed()
}

// isBlocked reports whether err says that others keep one target from being altered.
func (m *merging) isBlocked(err error) bool {
	u, ok := errors.AsType[*replicator.Unfit](err)
	return ok && u.Passes || m.timedOut(err)
}

// moreOf returns the one of two errors for targets that others lock which gets the other tables
// on: that of a table that is parked for it.
func moreOf(behind, err error) error {
	if _, parked := errors.AsType[*replicator.Unfit](behind); behind == nil || !parked {
		return err
	}
	return behind
}

// blockedBefore returns what is known of a target that a try which began then has found to be
// locked. It is forgotten if nobody was found to have any target locked for so long before that
// try: the pauses between the tries are shorter, so others have got on meanwhile. Of a parked table
// it is not, because that is tried seldom.
func (m *merging) blockedBefore(t *schema.Table, began time.Time) blocked {
	var last time.Time
	for _, b := range m.known.blocked {
		if b.last.After(last) {
			last = b.last
		}
	}
	b := m.known.blocked[t.Target]
	if b.since.IsZero() || !b.parked && began.Sub(last) > m.options.BlockedWait {
		b = blocked{since: began}
	}
	b.last = time.Now()
	return b
}

// judgeBlocked returns a *replicator.Unfit instead of err, the error of an alteration that began
// then, if others have kept the target locked for so long that the other tables should go on.
//
// An alteration that moves all rows may time out while it runs. If a session is shown that has the
// target, it was waiting only if that has had it for as long as it was tried. If none is shown,
// nobody can tell which it was, and the others go on between its tries.
func (m *merging) judgeBlocked(ctx context.Context, t *schema.Table, a alteration, began time.Time, err error) error {
	if !m.timedOut(err) {
		return err
	}
	b := m.blockedBefore(t, began)
	m.known.blocked[t.Target] = b
	if time.Since(b.since) < m.options.BlockedWait {
		return err
	}
	by := m.blocker(ctx, t)
	if by != nil && by.open < time.Since(began) && m.moves(t, a) {
		return err
	}
	b.parked = true
	m.known.blocked[t.Target] = b
	return m.blockedBy(t, a, by)
}

// blockedBy returns the error for a target that others, by of them if that is known, keep from being
// altered. It wraps none, because that of the statement is Retryable.
func (m *merging) blockedBy(t *schema.Table, a alteration, by *blocker) error {
	p := in(m.options.Schema, t.Target)
	h := &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("others keep %s locked, so that it cannot be altered: %s", p, shown(printed([]alteration{a}))),
		Means:  "an alteration waits for every transaction that has read the table, even if its session is idle by now, and all tables would wait with it",
		Repair: fmt.Sprintf("as a superuser, to whom Redshift shows the sessions of all users, see which have the table locked, the oldest first: %s; and end them: %s",
			blockerOf(m.options.Schema, t.Target), terminate("<pid>")),
	}
	switch {
	case by == nil && m.moves(t, a):
		h.Found += " or that takes longer than it was given; the next try gets more time"
	case by == nil:
		h.Found += " Redshift does not show the loader's user by whom"
	default:
		h.Found += fmt.Sprintf(" session %s of user %s has had a transaction open for %v", by.pid, by.user, by.open)
		h.Repair = fmt.Sprintf("end the session, as its user or a superuser: %s", terminate(by.pid))
	}
	h.Repair += fmt.Sprintf("; the table is then loaded again within four hours, or at once with rowshift resync %v", t.Configured)
	return &replicator.Unfit{OID: t.OID, Name: t.Configured, Why: h, Passes: true}
}
