package redshift

import (
	"context"
	"fmt"
	"slices"

	"rowshift/replicator"
	"rowshift/schema"
)

// refusals counts merges in a row that were refused at the same target, or whose alteration of it
// was.
type refusals struct {
	oid    uint32
	code   string
	times  int
	parked bool // another table was parked for such an error, and nothing was merged since
}

// mostRefusals is how many merges have to be refused in the same way before an error whose cause
// Redshift does not tell is blamed on the target.
const mostRefusals = 3

// mostBehindAnother is that number if another table was parked for such an error and nothing was
// merged since. Then the cause is most likely the server's, such as a full disk, and every table
// that is parked has to be loaded again.
const mostBehindAnother = 10 * mostRefusals

// countAgainst counts a refusal of a statement on a target, and reports whether it is due to the
// target and not to the server. The SQLSTATE tells, except for XX000, which Redshift uses for
// values as well as for itself: that is due to the target if several merges in a row end with it
// at the same table.
func (r *refusals) countAgainst(oid uint32, code string) bool {
	switch {
	case len(code) != 5 || slices.Contains(ofServer, code[:2]) || code == inUse:
		return false
	case code[:2] != "XX":
		return true
	}
	if r.oid != oid || r.code != code {
		*r = refusals{oid: oid, code: code, parked: r.parked}
	}
	r.times++
	if r.parked {
		return r.times >= mostBehindAnother
	}
	r.parked = r.times >= mostRefusals
	return r.parked
}

// merged forgets what a merge into those targets, or an alteration of them, has disproved.
func (r *refusals) merged(targets []*schema.Table) {
	switch {
	case slices.ContainsFunc(targets, func(t *schema.Table) bool { return t.OID == r.oid }):
		*r = refusals{}
	case len(targets) > 0:
		r.parked = false
	}
}

// spoils returns a *replicator.Spoiled instead of err if Redshift refuses for good what was asked
// of the tables of t's load, which are all ours: somebody has dropped or altered one of them, or
// its rows meet a fault of Redshift. Other tables for the load are then made from the start.
func (r *refusals) spoils(t *schema.Table, err error) error {
	if err == nil {
		*r = refusals{}
		return nil
	}
	if replicator.Final(err) || replicator.Retryable(err) || !r.countAgainst(t.OID, codeOf(err)) {
		return err
	}
	return &replicator.Spoiled{OID: t.OID, Name: t.Configured, Cause: err}
}

// judgeOwner returns a *replicator.Unfit instead of err if Redshift refused a statement on a
// target for lack of a right, and somebody else owns the target. All other tables can go on.
func (w *Warehouse) judgeOwner(ctx context.Context, s *session, t *schema.Table, err error) error {
	if codeOf(err) != lacksRight || s.conn.IsClosed() {
		return err
	}
	owner, asked := s.rows(ctx, "look whose the target is", ownerOf(w.options.Schema, t.Target))
	if asked != nil || len(owner) != 1 || string(owner[0][1]) == "t" {
		return err
	}
	p := in(w.options.Schema, t.Target)
	return unfit(t, &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("%s is owned by %s: %v", p, owner[0][0], err),
		Means:  "somebody gave the target to another user, and rowshift can neither write nor grant it",
		Repair: changeOwner(p, w.user(s)) + " then " + resyncOf(t),
		Cause:  err,
	})
}

// unmade returns a *replicator.Unfit instead of err if Redshift refused for good to make p, a
// table of ours, for t. It would refuse that again, and all other tables can go on. This is for
// the session for loads. Held tables have refusals of their own, because a held table that can
// be made does not prove that a target can.
func (r *refusals) unmade(t *schema.Table, p place, err error) error {
	if err == nil {
		r.merged([]*schema.Table{t})
		return nil
	}
	if replicator.Final(err) || replicator.Retryable(err) || !r.countAgainst(t.OID, codeOf(err)) {
		return err
	}
	return unfit(t, &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("Redshift refuses to make %s for %v: %v", p, t.Name, err),
		Means:  "Redshift does not take a table of such columns, types or keys",
		Repair: fmt.Sprintf("leave the column that it speaks of out of tables.%v in the config, or give it another of its types, or name another distkey and sortkey; then %s", t.Configured, resyncOf(t)),
		Cause:  err,
	})
}

// ofServer are the classes of SQLSTATE that are about links, transactions, sessions, room and
// the system, and not about a table. Errors of these that go away by themselves are tried again.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var ofServer = []string{"08", "25", "28", "2D", "40", "53", "57", "58", "F0"}

// refusal returns the halt for a target that has the right columns and yet refuses a statement.
// The targets that we make have no constraints.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
func (m *merging) refusal(err error) *replicator.Halt {
	t := m.refusing
	p := in(m.options.Schema, t.Target)
	means, repair := "the target was made or altered by somebody, in a way that rowshift cannot write to", "do away with what stands in its way"
	if class := codeOf(err)[:2]; class == "22" || class == "23" {
		means, repair = "the target was made or altered by somebody, with a constraint such as NOT NULL that the source does not have", "drop the column that has it"
	}
	return &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("Redshift refuses rows of %v in %s: %v", t.Name, p, err),
		Means:  means,
		Repair: repair + ", or " + outOfTheWay(p, t),
		Cause:  err,
	}
}
