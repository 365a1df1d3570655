package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
)

// Check looks at everything that a first run needs from the source, and at what an operator
// should know about it. It changes nothing. What cannot be asked is a Finding too.
func (o *Origin) Check(ctx context.Context) []replicator.Finding {
	c := &check{Origin: o}
	conn, err := o.connect(ctx)
	if err != nil {
		c.fail("connection", err.Error(), c.unreached(ctx, err))
		return c.findings
	}
	defer shut(conn)
	c.conn = conn
	if c.server, err = serverOf(ctx, conn); err != nil {
		c.unasked("connection", err)
		return c.findings
	}
	c.fine("connection", fmt.Sprintf("database %q, as role %q", c.server.database, c.server.role))
	c.kind()
	c.identity(ctx)
	for _, look := range []func(context.Context){
		c.senders, c.replication, c.slot, c.choices, c.limits, c.settings, c.standbys, c.transactions,
	} {
		look(ctx)
	}
	return c.findings
}

// identity checks whether the source is the database that is remembered.
func (c *check) identity(ctx context.Context) {
	system, err := c.recognise(ctx, c.server)
	switch {
	case err != nil:
		c.lookedAt("", "")
		c.unasked("identity", err)
	case c.anotherSource(system, c.server.database):
		c.another = true
		c.fail("identity", fmt.Sprintf("it is database %q of the cluster with system identifier %s, the checkpoint is of %q of %s",
			c.server.database, system, c.remembered.Database, c.remembered.System), replicator.AnotherSource)
	}
}

// check gathers findings.
type check struct {
	*Origin
	conn     *session
	server   server
	another  bool // the source is not the one that is remembered
	begun    bool // our slot exists, or the pipeline is remembered, so the publication is ours too
	slotless bool // there is no slot yet
	findings []replicator.Finding
}

func (c *check) add(subject string, v replicator.Verdict, found, repair string) {
	c.findings = append(c.findings, replicator.Finding{Subject: "source: " + subject, Verdict: v, Found: found, Repair: repair})
}

func (c *check) fine(subject, found string) { c.add(subject, replicator.Fine, found, "") }

func (c *check) warn(subject, found, repair string) {
	c.add(subject, replicator.Warning, found, repair)
}

func (c *check) fail(subject, found, repair string) {
	c.add(subject, replicator.Failure, found, repair)
}

func (c *check) unasked(subject string, err error) {
	c.add(subject, replicator.Unasked, err.Error(), "mend what it says, then look again")
}

// halted adds a finding for what a run would halt with.
func (c *check) halted(subject string, err error) {
	h, is := errors.AsType[*replicator.Halt](err)
	if !is {
		c.unasked(subject, err)
		return
	}
	c.fail(subject, h.Found+"; "+h.Means, h.Repair)
}

// kind checks whether it is a server that can be replicated from.
func (c *check) kind() {
	for _, look := range []struct {
		subject, found string
		halt           *replicator.Halt
	}{
		{"version", fmt.Sprintf("PostgreSQL %d", c.server.major()), c.server.versionHalt()},
		{"primary", "it is one", c.server.recoveryHalt()},
		{"wal_level", c.server.walLevel, c.server.walHalt()},
	} {
		if look.halt != nil {
			c.halted(look.subject, look.halt)
			continue
		}
		if fault, minor := c.server.minorFault(); look.subject == "version" && fault != "" {
			c.warn(look.subject, fmt.Sprintf("PostgreSQL %d.%d: %s", c.server.major(), c.server.version%10000, fault),
				fmt.Sprintf("upgrade the source to PostgreSQL %d.%d or later", c.server.major(), minor))
			continue
		}
		c.fine(look.subject, look.found)
	}
}

// replication opens a replication connection. This shows at once whether the role has the
// right to do so, and whether pg_hba.conf lets it in.
func (c *check) replication(ctx context.Context) {
	const subject = "replication connection"
	conn, err := c.connectReplication(ctx, nil)
	if err == nil {
		_, err = identify(ctx, conn)
		_ = conn.Close(ctx)
	}
	switch {
	case err == nil:
		c.fine(subject, "let in")
	case codeOf(err) == insufficientRights:
		c.fail(subject, fmt.Sprintf("role %q may not open one", c.server.role), repairReplication(c.server.role))
	case codeOf(err) == tooManyConnections:
		c.fail(subject, "all senders or connections are taken", "raise max_wal_senders and max_connections, then restart the server")
	default:
		c.fail(subject, err.Error(), fmt.Sprintf("let it in by pg_hba.conf, whose line for it names the database and not \"replication\": hostssl %s %s <our address>/32 scram-sha-256, then SELECT pg_reload_conf(); a pooler or proxy in between has to be gone around",
			identifier(c.server.database), identifier(c.server.role)))
	}
}

// senders checks whether a WAL sender and a replication slot are free. It asks for no slot
// if ours exists, and for no sender if somebody streams from it, who may be a daemon of
// ours.
func (c *check) senders(ctx context.Context) {
	var senders, sending, slots, taken int
	var ours, streams bool
	err := c.conn.QueryRow(ctx, `
		SELECT current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication),
		       current_setting('max_replication_slots')::int, (SELECT count(*) FROM pg_replication_slots),
		       EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1), EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1 AND active)`, c.options.Slot).
		Scan(&senders, &sending, &slots, &taken, &ours, &streams)
	if err != nil {
		c.unasked("max_wal_senders", err)
		return
	}
	free := func(setting string, all, used int, have bool) {
		found := fmt.Sprintf("%d, of which %d are taken", all, used)
		if used >= all && !have {
			c.fail(setting, found, fmt.Sprintf("ALTER SYSTEM SET %s = %d, then restart the server; on Amazon RDS: in the parameter group, then reboot", setting, all+5))
			return
		}
		c.fine(setting, found)
	}
	free("max_wal_senders", senders, sending, streams)
	free("max_replication_slots", slots, taken, ours)
}

// slot checks the slot and, if it is known what the warehouse remembers, what a run does
// about it.
func (c *check) slot(ctx context.Context) {
	subject := "slot " + c.options.Slot
	found, err := findSlot(ctx, c.conn, c.options.Slot)
	if err != nil {
		c.unasked(subject, err)
		return
	}
	c.slotless = found == nil
	foreseen := c.expects != nil && !c.another
	missing := c.streamable(found, c.server.database)
	c.begun = missing == nil || foreseen && c.expects.checkpoint != nil
	var reset string
	switch {
	case foreseen:
		reset, err = c.foreseeSlot(ctx, c.conn, found, c.server.database)
	case found != nil:
		err = missing
	case !c.options.Create:
		err = c.slotDueHalt(nil)
	}
	switch {
	case err != nil:
		c.halted(subject, err)
	case reset != "":
		c.warn(subject, reset+"; a run resets it, and loads all tables again", "nothing is to be done; to see what would be loaded: rowshift reset-slot --token=TOKEN --plan")
	case found == nil && !foreseen:
		c.fine(subject, "not there: a first run or a reset makes it")
	case found == nil:
		c.fine(subject, "not there yet: run makes it")
	case found.lost():
		c.fine(subject, "there, and of no use any more: run makes it again")
	default:
		who := "nobody streams from it"
		if found.active {
			who = fmt.Sprintf("server process %d streams from it", found.activePID)
		}
		c.fine(subject, fmt.Sprintf("there, at %v, %s; %s", found.confirmed, found.status, who))
	}
}

// patient is how long a transaction may be open before a finding names it.
const patient = time.Minute

// transactions looks for open transactions: making the slot, and beginning a load, wait for
// them to end. A role without pg_read_all_stats cannot see since when those of other roles
// are open.
// https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-STATS-VIEWS
func (c *check) transactions(ctx context.Context) {
	const subject = "old transactions"
	var r running
	var hidden int
	err := c.conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND xact_start IS NULL`).Scan(&hidden)
	if err != nil {
		c.unasked(subject, err)
		return
	}
	err = c.conn.QueryRow(ctx, `
		SELECT x.xid, x.pid, x.program, x.since, x.gid FROM (
		    SELECT backend_xid::text AS xid, pid, application_name AS program, xact_start AS since, NULL::text AS gid FROM pg_stat_activity WHERE backend_xid IS NOT NULL
		    UNION ALL SELECT transaction::text, 0, '', prepared, gid FROM pg_prepared_xacts
		) x WHERE x.since < now() - $1::float8 * interval '1 second' ORDER BY x.since LIMIT 1`, patient.Seconds()).
		Scan(&r.xid, &r.pid, &r.program, &r.since, &r.gid)
	switch {
	case errors.Is(err, pgx.ErrNoRows) && hidden > 0:
		c.warn(subject, fmt.Sprintf("%d of other roles that write, of which role %q may not see how old they are; a first run waits for them", hidden, c.server.role),
			"GRANT pg_read_all_stats TO "+identifier(c.server.role))
	case errors.Is(err, pgx.ErrNoRows):
		c.fine(subject, "none")
	case err != nil:
		c.unasked(subject, err)
	default:
		c.warn(subject, r.String()+"; a first run waits for it", "commit it or roll it back")
	}
}
