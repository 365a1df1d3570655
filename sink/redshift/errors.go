package redshift

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5/pgconn"
)

// Error is what a statement failed with. It has Redshift's code, and of its message only what
// cannot quote a value.
type Error struct {
	Op      string // what was done: "copy", "insert", ...
	Code    string // SQLSTATE; empty if no answer came
	Message string
	retry   bool
	lost    bool   // a temporary table of ours is gone: its session is not what it was
	user    string // whose login was refused; empty for all other errors
}

func (e *Error) Error() string {
	s := "redshift: " + e.Op + ": " + e.Message
	if e.Code != "" {
		s += " (SQLSTATE " + e.Code + ")"
	}
	return s
}

// SQLState returns the server's code, empty if no answer came.
func (e *Error) SQLState() string { return e.Code }

// Retryable reports whether it is certain that the statement, and the transaction around it,
// left nothing behind.
func (e *Error) Retryable() bool { return e.retry }

// OpConnect is the Op of an Error that came before any statement.
const OpConnect = "connect"

// opCommit is the one statement that may have taken effect although it failed.
const opCommit = "commit"

// failed turns the error of a statement into an *Error, or into a Halt if the user lacks a
// right. If the server refused the statement, it has rolled back. If the link broke, staged rows
// are gone with their session, but the outcome of a transaction is not known.
func (s *session) failed(op string, err error) error {
	p, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return &Error{Op: op, Message: bare(err), retry: !s.lasting}
	}
	e := &Error{Op: op, Code: p.Code, Message: said(p.Code, p.Message), retry: passing(p)}
	if e.lost = p.Code == noTable && strings.HasPrefix(p.Message, `relation "`+temporaryPrefix); e.lost {
		e.retry = true
	}
	if (op == opCommit || s.commits) && p.Severity != "ERROR" {
		e.retry = false // the server may have ended the session after it committed
	}
	if p.Code == lacksRight {
		return &replicator.Halt{
			Reason: replicator.WarehouseUnfit,
			Found:  fmt.Sprintf("Redshift refuses %q: %s", op, e.Message),
			Means:  "the loader's user lacks a right",
			Repair: "GRANT what the README's section on Redshift lists; rowshift check finds what is missing",
			Cause:  e,
		}
	}
	return e
}

// passing reports whether an error of the server goes away by trying again.
//
// Redshift reports many failures as XX000 with a number or words in the message. A bare 1023 is
// a serializable isolation violation
// (https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html). The words of a
// conflict under snapshot isolation are from github.com/aws/amazon-redshift-jdbc-driver issue
// 147; those of a resize from github.com/rudderlabs/rudder-server; those of a full disk, of
// memory and of aborted queries from github.com/databricks/spark-redshift issue 348,
// github.com/awslabs/aws-lambda-redshift-loader issue 68 and
// https://docs.aws.amazon.com/redshift/latest/dg/cm-c-wlm-query-monitoring-rules.html; and those
// of VACUUM, during which no ALTER DISTKEY runs, from github.com/dbt-labs/dbt-core issue 639.
func passing(p *pgconn.PgError) bool {
	if slices.Contains(passingCodes, p.Code) {
		return true
	}
	if number, _, _ := strings.Cut(p.Message, " "); number == isolationViolation {
		return true
	}
	return passes(p.Message)
}

// passes reports whether a message is one of an error that goes away by itself.
func passes(message string) bool {
	message = strings.ToLower(message)
	return slices.ContainsFunc(passingWords, func(words string) bool { return strings.Contains(message, words) })
}

// waitedForFence reports whether the lock of the fence was cancelled because it had waited too
// long. A resize cancels statements with the same code, but then nobody holds the fence.
func waitedForFence(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Op == opLock && e.Code == cancelled && !passes(e.Message)
}

// The SQLSTATEs that something here depends on.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	lacksRight      = "42501" // the user has no right to run the statement
	noTable         = "42P01" // a table or view is not there
	undefinedObject = "42704" // a user, group or role is not there
	cancelled       = "57014" // a statement ran into its timeout or was cancelled
	inUse           = "55006" // an object is in use, which passes
)

// passingCodes are the SQLSTATEs of errors that go away by trying again: conflicts of
// transactions, a lock that is not to be had, the end of a session by somebody else, and a lack
// of disk, memory or connections.
var passingCodes = []string{
	"40001", "40P01", "55P03", cancelled, "57P01", "57P02", "57P03", "57P05", "53100", "53200", "53300", "53400",
}

// isolationViolation is Redshift's number for a serializable isolation violation.
const isolationViolation = "1023"

// passingWords are parts of the messages of errors that go away by themselves, in lower case.
var passingWords = []string{
	"serializable isolation violation", "conflict with concurrent transaction", "could not open relation with oid",
	"system is in resize mode", "dropped by concurrent transaction", "read-only mode", "tuple concurrently updated",
	"vacuum is running", "vacuum is already running", "disk full", "out of memory", "abort query", "query aborted",
	"cancelled by wlm", "canceled by wlm", "query monitoring rule",
}

// bare returns an error's text, without what a message of the server may quote.
func bare(err error) string {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return said(p.Code, p.Message)
	}
	return err.Error()
}

func codeOf(err error) string {
	if p, ok := errors.AsType[*pgconn.PgError](err); ok {
		return p.Code
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// answered reports whether the server answered a statement, if only with an error, so that the
// session can still be used.
func answered(err error) bool {
	if err == nil || codeOf(err) != "" {
		return true
	}
	_, halts := errors.AsType[*replicator.Halt](err)
	_, refused := errors.AsType[*replicator.Refused](err)
	return halts || refused
}

// lostTables reports whether a statement found a temporary table of its session gone, as those of
// a session are that was begun anew behind the client's back. What else was set in it may be gone
// too.
func lostTables(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.lost
}

// assumeRefused reports whether an error says that Redshift, or the user, may not assume a role.
// The words for a role that is not attached, or does not trust Redshift, are from
// stackoverflow.com/questions/70659682.
func assumeRefused(err error) bool {
	words := strings.ToLower(bare(err))
	return strings.Contains(words, "not authorized to assume") || strings.Contains(words, "not authorized to get credentials of role")
}
