package redshift

import (
	"context"
	"errors"
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// Check looks at everything that a run needs of the warehouse. It changes nothing. manifest is
// the URL of a manifest in the bucket that names a file which does not exist, or empty if there
// is none: Check tries the COPY role with it and a temporary table.
func (w *Warehouse) Check(ctx context.Context, tables []*schema.Table, manifest string) []replicator.Finding {
	s, err := w.open(ctx)
	if err != nil {
		return []replicator.Finding{unreached(err)}
	}
	defer s.close(ctx)
	findings := []replicator.Finding{{Subject: "warehouse: connect", Verdict: replicator.Fine, Found: "connected as " + s.conn.ParameterStatus("session_authorization")}}
	for _, name := range []string{w.options.Schema, w.options.MetadataSchema} {
		findings = append(findings, w.checkSchema(ctx, s, name))
	}
	findings = append(findings, w.checkTemporary(ctx, s), w.checkMetadata(ctx, s), w.checkRole(ctx, s, manifest))
	for _, r := range w.options.Readers {
		findings = append(findings, w.checkReader(ctx, s, r, tables))
	}
	for _, t := range tables {
		findings = append(findings, w.checkTarget(ctx, s, t))
		if forgetful(t) {
			findings = append(findings, replicator.Finding{Subject: "warehouse: partitions of " + t.Target, Verdict: replicator.Warning,
				Found: fmt.Sprintf("%d, too many to remember which transaction attached each: one that is detached and attached again at once goes unnoticed", len(t.Parts))})
		}
	}
	return findings
}

// unreached makes a finding of an error of open. A login that was refused is reported much as
// the halt that a run ends with after one more try, but a command remembers no refusal: whoever
// repeats it has one more.
func unreached(err error) replicator.Finding {
	f := replicator.Finding{Subject: "warehouse: connect"}
	if e, ok := errors.AsType[*Error](err); ok && e.user != "" {
		h := loginRefused(e)
		h.Means = "warehouse.password is not the user's, or the user is locked: Redshift locks one after five refused logins in a row (max_failed_login_attempts), " +
			"and each command with this password is one more"
		h.Repair = fmt.Sprintf("before the next command, write the user's password into what warehouse.password names, or give the user that password: %s "+
			"If SHOW USER LOCKOUT tells a superuser that the user is locked: %s", changePassword(e.user), unlockUser(e.user))
		err = h
	}
	f = unasked(f, err)
	if _, ok := errors.AsType[*replicator.Halt](err); !ok {
		f.Repair = "correct warehouse.dsn, password, ca or tls, or let the network through to it"
	}
	return f
}

// unasked makes a finding of a question that could not be asked. f has its subject.
func unasked(f replicator.Finding, err error) replicator.Finding {
	if h, ok := errors.AsType[*replicator.Halt](err); ok {
		f = halts(f, h)
	} else {
		f.Found, f.Repair = err.Error(), "mend what it says, then look again"
	}
	f.Verdict = replicator.Unasked
	return f
}

// halts makes a finding of what would halt a run. f has its subject.
func halts(f replicator.Finding, h *replicator.Halt) replicator.Finding {
	f.Verdict, f.Found, f.Repair = replicator.Failure, h.Found+": "+h.Means, h.Repair
	return f
}

// checkSchema looks whether a schema is there or can be made, and whether the user may use it.
func (w *Warehouse) checkSchema(ctx context.Context, s *session, name string) replicator.Finding {
	f := replicator.Finding{Subject: "warehouse: schema " + name, Verdict: replicator.Fine, Found: "there, with USAGE and CREATE"}
	n, err := s.number(ctx, "look for a schema", countSchema(name))
	if err != nil {
		return unasked(f, err)
	}
	if n == 0 {
		may, err := s.rows(ctx, "ask for rights", mayCreateSchema)
		switch {
		case err != nil:
			return unasked(f, err)
		case string(may[0][0]) == "t":
			f.Found = "not there; a run makes it"
		default:
			f.Verdict, f.Found = replicator.Failure, "not there, and the user may not make it"
			f.Repair = createSchemaFor(name, w.user(s))
		}
		return f
	}
	may, err := s.rows(ctx, "ask for rights", mayUseSchema(name))
	switch {
	case err != nil:
		return unasked(f, err)
	case string(may[0][0]) != "t" || string(may[0][1]) != "t":
		f.Verdict, f.Found = replicator.Failure, "the user lacks USAGE or CREATE"
		f.Repair = grantSchema(name, w.user(s))
	}
	return f
}

func (w *Warehouse) user(s *session) string {
	if name := s.conn.ParameterStatus("session_authorization"); name != "" {
		return quotedUser(name)
	}
	return "the loader's user"
}

func (w *Warehouse) checkTemporary(ctx context.Context, s *session) replicator.Finding {
	f := replicator.Finding{Subject: "warehouse: temporary tables", Verdict: replicator.Fine, Found: "may be made"}
	may, err := s.rows(ctx, "ask for rights", mayMakeTemporary)
	switch {
	case err != nil:
		return unasked(f, err)
	case string(may[0][0]) != "t":
		f.Verdict, f.Found = replicator.Failure, "the user may not make any, and stages in them"
		f.Repair = grantTemporary(w.user(s))
	}
	return f
}

// checkMetadata looks whether the metadata schema is this pipeline's, and in order.
func (w *Warehouse) checkMetadata(ctx context.Context, s *session) replicator.Finding {
	f := replicator.Finding{Subject: "warehouse: checkpoint", Verdict: replicator.Fine, Found: "none yet: the first run loads all tables"}
	names, err := w.tableNames(ctx, s)
	if err != nil {
		return unasked(f, err)
	}
	if !names.has(checkpointTable, stateTable) {
		return f
	}
	c, layout, err := w.read(ctx, s)
	if err == nil && c != nil && layout >= accounted && !names.has(ledgerTable, quarantineTable) {
		err = w.unaccounted(!names.has(ledgerTable))
	}
	if h, ok := errors.AsType[*replicator.Halt](err); ok {
		return halts(f, h)
	}
	switch {
	case err != nil:
		return unasked(f, err)
	case c != nil:
		f.Found = fmt.Sprintf("%s at %v, epoch %d, %d tables", c.Phase, c.LSN, c.Epoch, len(c.Tables))
	}
	return f
}

// checkTarget looks whether a target that is there can be written and granted. It asks for the
// owner first, because SVV_REDSHIFT_COLUMNS does not show the columns of a table on which the
// user has no rights.
func (w *Warehouse) checkTarget(ctx context.Context, s *session, t *schema.Table) replicator.Finding {
	f := replicator.Finding{Subject: "warehouse: target " + t.Target, Verdict: replicator.Fine, Found: "not there; a run makes it"}
	if u, ok := errors.AsType[*replicator.Unfit](roomForTable(t)); ok {
		return halts(f, u.Why)
	}
	owner, err := s.rows(ctx, "look whose the target is", ownerOf(w.options.Schema, t.Target))
	switch {
	case err != nil:
		return unasked(f, err)
	case len(owner) == 0:
		return f
	case string(owner[0][1]) != "t":
		f.Verdict, f.Found = replicator.Failure, "there, and owned by "+string(owner[0][0])+": a run could neither write nor grant it"
		f.Repair = changeOwner(in(w.options.Schema, t.Target), w.user(s))
		return f
	}
	have, by, err := w.target(ctx, s, t)
	if u, ok := errors.AsType[*replicator.Unfit](err); ok {
		return halts(f, u.Why)
	}
	if err != nil {
		return unasked(f, err)
	}
	f.Found = "there; a load writes only what differs"
	d, err := w.due(ctx, s, replicator.Alteration{Table: t}, have, by)
	if h, ok := errors.AsType[*replicator.Halt](err); ok {
		return halts(f, h)
	}
	if statements := printed(d.alterations); len(statements) > 0 {
		f.Found = "there, and a run would alter it: " + shown(statements)
		if w.options.Print {
			f.Verdict, f.Found = replicator.Failure, "there, and has to be altered, which warehouse.ddl leaves to you"
			f.Repair = shown(statements)
		}
	}
	return f
}
