package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// setting is a setting of the server, and how to judge it.
type setting struct {
	name   string
	judge  func(value int64) (warning, repair string) // takes the value in the setting's unit; no warning: it is fine
	absent bool                                       // older servers lack it
}

// reloaded returns the repair of a setting that needs no restart. Amazon RDS and Aurora
// refuse ALTER SYSTEM. In their parameter groups, where such a setting is dynamic, a value is
// a number of the setting's own unit.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html
func reloaded(name, value, number string) string {
	return fmt.Sprintf("ALTER SYSTEM SET %s = %s, then SELECT pg_reload_conf(); on Amazon RDS or Aurora: %s = %s in the parameter group (of the cluster, on Aurora), without a reboot", name, value, name, number)
}

// limits checks how much log the server keeps for a slot, and for how long.
func (c *check) limits(ctx context.Context) {
	c.look(ctx, setting{name: "max_slot_wal_keep_size", judge: func(megabytes int64) (string, string) {
		if megabytes >= 0 {
			return "", ""
		}
		return "no limit: a pipeline that stands still fills the server's disk with log",
			reloaded("max_slot_wal_keep_size", "'<what the disk can spare>'", "<megabytes>") + "; a slot that needs more than that is lost, so watch rowshift_slot_safe_bytes"
	}})
	c.look(ctx, setting{name: "idle_replication_slot_timeout", absent: true, judge: func(seconds int64) (string, string) {
		if seconds == 0 {
			return "", ""
		}
		return "a slot that nobody reads for so long is lost", reloaded("idle_replication_slot_timeout", "0", "0")
	}})
}

// The bounds within which a wal_sender_timeout is fine.
const (
	shortTimeout = 5 * time.Second
	longTimeout  = 10 * time.Minute
)

// settings checks what decides how well decoding goes.
func (c *check) settings(ctx context.Context) {
	c.look(ctx, setting{name: "wal_sender_timeout", judge: func(milliseconds int64) (string, string) {
		switch t := time.Duration(milliseconds) * time.Millisecond; {
		case t == 0, t > longTimeout:
			return "a session whose client is gone keeps the slot for long, and nobody else can take over", reloaded("wal_sender_timeout", "'60s'", "60000")
		case t < shortTimeout:
			return "a short stall of the network ends the stream", reloaded("wal_sender_timeout", "'60s'", "60000")
		}
		return "", ""
	}})
	c.look(ctx, setting{name: "logical_decoding_work_mem", judge: func(kilobytes int64) (string, string) {
		if kilobytes >= 64<<10 {
			return "", ""
		}
		return "larger transactions are spilled to the server's disk while they are decoded", reloaded("logical_decoding_work_mem", "'64MB'", "65536")
	}})
	var encoding string
	if err := c.conn.QueryRow(ctx, `SELECT current_setting('server_encoding')`).Scan(&encoding); err != nil {
		c.unasked("encoding", err)
		return
	}
	if encoding == sqlASCII {
		c.warn("encoding", "SQL_ASCII: the server does not know what its text is in, and text that is not UTF-8 will be a misfit", "")
		return
	}
	c.fine("encoding", encoding)
}

// standbys checks that the server does not take us for a synchronous standby. If it does,
// commits of the service may wait until the warehouse has them or, while no daemon runs, for
// ever.
// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
func (c *check) standbys(ctx context.Context) {
	const subject = "synchronous_standby_names"
	var value string
	if err := c.conn.QueryRow(ctx, `SELECT current_setting('synchronous_standby_names')`).Scan(&value); err != nil {
		c.unasked(subject, err)
		return
	}
	if !slices.ContainsFunc(standbyNames(value), func(n string) bool { return n == "*" || strings.EqualFold(n, applicationName) }) {
		c.fine(subject, "we are none of them")
		return
	}
	c.fail(subject, fmt.Sprintf("%q also means %s: commits of the service may wait until the warehouse has them or, while no daemon runs, for ever", value, applicationName),
		"ALTER SYSTEM SET synchronous_standby_names = '<the standbys, each by its application_name>', then SELECT pg_reload_conf(); on Amazon RDS or Aurora: in the parameter group, if it can be set there")
}

// standbyMethod is what may stand around the list of names: a number and FIRST or ANY.
var standbyMethod = regexp.MustCompile(`(?is)^\s*(?:(?:first|any)\s+)?\d+\s*\((.*)\)\s*$`)

// standbyName is a name, in quotation marks or not.
var standbyName = regexp.MustCompile(`"(?:[^"]|"")*"|[^\s,"]+`)

// standbyNames returns the names in a value of synchronous_standby_names.
func standbyNames(value string) (names []string) {
	if list := standbyMethod.FindStringSubmatch(value); list != nil {
		value = list[1]
	}
	for _, name := range standbyName.FindAllString(value, -1) {
		if strings.HasPrefix(name, `"`) {
			name = strings.ReplaceAll(name[1:len(name)-1], `""`, `"`)
		}
		names = append(names, name)
	}
	return names
}

// look adds a finding for a setting.
func (c *check) look(ctx context.Context, s setting) {
	var shown string
	var value int64
	err := c.conn.QueryRow(ctx, `SELECT current_setting(name), setting::bigint FROM pg_settings WHERE name = $1`, s.name).Scan(&shown, &value)
	switch {
	case errors.Is(err, pgx.ErrNoRows) && s.absent:
		return
	case err != nil:
		c.unasked(s.name, fmt.Errorf("it cannot be read: %w", err))
		return
	}
	if warning, repair := s.judge(value); warning != "" {
		c.warn(s.name, shown+": "+warning, repair)
		return
	}
	c.fine(s.name, shown)
}
