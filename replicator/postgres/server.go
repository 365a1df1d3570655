package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
)

// oldestMajor is the oldest version that is supported: from it on, pgoutput's options and
// scans of TID ranges are as we need them.
// https://www.postgresql.org/docs/14/release-14.html
const oldestMajor = 14

// sound has, by major version, the first minor version that tells transactions in progress
// when a publication is altered, and does it well. Those before the one before it do not
// tell them, so they decode what follows with the publication as they had read it. The one
// before it tells them again and again, until it runs out of memory.
// https://www.postgresql.org/docs/release/14.18/ and 15.13, 16.9, 17.5
// https://www.postgresql.org/docs/release/14.19/ and 15.14, 16.10, 17.6
var sound = map[int]int{14: 19, 15: 14, 16: 10, 17: 6}

// minorFault returns what is wrong with the server's minor version, and the first one in
// which it is not; the text is empty if nothing is known to be.
func (s server) minorFault() (text string, first int) {
	first = sound[s.major()]
	switch minor := s.version % 10000; {
	case minor >= first:
		return "", first
	case minor == first-1:
		return "decoding may end with " + outOfMemory + " if tables are altered while others write, a fault of this release alone", first
	}
	return "changes of a table that is added while others write to it may be lost, a fault of earlier releases", first
}

// outOfMemory is how a server says that it would need more than a gigabyte at once.
const outOfMemory = "invalid memory alloc request size"

// overgrows reports whether err is the second of these faults, and the server's release has
// it. It says nothing about the slot, which the next release decodes. From any other release
// the same words are about a value whose text is longer than that, which no release sends.
func (s server) overgrows(err error) bool {
	return s.version%10000 == sound[s.major()]-1 && codeOf(err) == internalError && strings.Contains(err.Error(), outOfMemory)
}

// overgrownHalt returns the Halt for a stream that ended so each time behind a position.
func (s server) overgrownHalt(slot string, at replicator.LSN, cause error) *replicator.Halt {
	first := sound[s.major()]
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  fmt.Sprintf("slot %q fails behind %v each time with: %v", slot, at, cause),
		Means:  fmt.Sprintf("PostgreSQL %d.%d fails so if tables are altered while others write, a fault of this release alone; the slot is whole", s.major(), first-1),
		Repair: fmt.Sprintf("upgrade the source to PostgreSQL %d.%d or later, which decodes the same slot", s.major(), first),
		Cause:  cause,
	}
}

// querier is a session, or a transaction of one.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Begin(ctx context.Context) (pgx.Tx, error)
}

// server is what a server says about itself.
type server struct {
	version       int // server_version_num
	recovery      bool
	walLevel      string
	senderTimeout time.Duration // wal_sender_timeout; 0 if it has none
	database      string
	role          string
}

// major returns the major version, such as 15.
func (s server) major() int { return s.version / 10000 }

func serverOf(ctx context.Context, q querier) (s server, err error) {
	var milliseconds int64
	err = q.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('wal_level'),
		       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'), current_database()::text, current_user::text`).
		Scan(&s.version, &s.recovery, &s.walLevel, &milliseconds, &s.database, &s.role)
	if err != nil {
		return s, fmt.Errorf("postgres: ask the server what it is: %w", err)
	}
	s.senderTimeout = time.Duration(milliseconds) * time.Millisecond
	return s, nil
}

// fitServer returns what a server says about itself, or a *replicator.Halt if nothing can
// be replicated from it. If it is in recovery during a failover, the error is a plain one.
func (o *Origin) fitServer(ctx context.Context, q querier) (server, error) {
	s, err := serverOf(ctx, q)
	if err != nil {
		return s, err
	}
	if halt := s.versionHalt(); halt != nil {
		return s, halt
	}
	if o.failover.goesOn(s.recovery, time.Now()) {
		return s, errors.New("postgres: the source is in recovery, and was a primary before: a failover may be under way")
	}
	for _, halt := range []*replicator.Halt{s.recoveryHalt(), s.walHalt()} {
		if halt != nil {
			return s, halt
		}
	}
	return s, nil
}

// failover is what is known of the source's way from one primary to another. Until the
// other is promoted, and for as long as its name is still that of the one before, the source
// may be a standby.
type failover struct {
	primary bool      // the source was a primary when it was first asked, or has been since
	since   time.Time // when it was first seen in recovery after that; zero: it is a primary
}

// failoverTakes is how long a failover may take.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html
const failoverTakes = 2 * time.Minute

// goesOn takes note of whether the source is in recovery, and reports whether that may be
// because of a failover.
func (f *failover) goesOn(recovery bool, now time.Time) bool {
	switch {
	case !recovery:
		*f = failover{primary: true}
		return false
	case f.since.IsZero():
		f.since = now
	}
	return f.primary && now.Sub(f.since) < failoverTakes
}

func (s server) versionHalt() *replicator.Halt {
	if s.major() >= oldestMajor {
		return nil
	}
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  fmt.Sprintf("the source is PostgreSQL %d", s.major()),
		Means:  fmt.Sprintf("%d is the oldest that can be read from", oldestMajor),
		Repair: "upgrade the source, or name another in source.dsn",
	}
}

func (s server) recoveryHalt() *replicator.Halt {
	if !s.recovery {
		return nil
	}
	return &replicator.Halt{
		Reason: replicator.SourceInRecovery,
		Found:  "the source is a standby, or still recovers",
		Means:  "its snapshots do not list running transactions, so a load could not be joined with the stream",
		Repair: "name the primary in source.dsn",
	}
}

func (s server) walHalt() *replicator.Halt {
	if s.walLevel == "logical" {
		return nil
	}
	return &replicator.Halt{
		Reason: replicator.SourceUnfit,
		Found:  "the source has wal_level = " + s.walLevel,
		Means:  "its log does not hold what logical decoding needs",
		Repair: "ALTER SYSTEM SET wal_level = 'logical', then restart the server; on Amazon RDS: rds.logical_replication = 1 in the parameter group, then reboot",
	}
}

// repairReplication returns the statements that give a role the right to use slots.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.FeatureSupport.LogicalReplication.html
func repairReplication(role string) string {
	r := identifier(role)
	return fmt.Sprintf("ALTER ROLE %s REPLICATION; on Amazon RDS: GRANT rds_replication TO %s", r, r)
}
