package redshifttest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"rowshift/test/redshifttest/copyload"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// sendError answers with an error, in Redshift's words where they differ from
// PostgreSQL's.
func (c *session) sendError(err error, severity string) {
	r := &pgproto3.ErrorResponse{Severity: severity, Code: "XX000", Message: err.Error()}
	var refusal *Refusal
	var fault *pgconn.PgError
	var load *copyload.Error
	switch {
	case errors.As(err, &refusal):
		r.Code, r.Message, r.Detail = refusal.Code, refusal.Message, refusal.Detail
		for _, told := range refusal.Told {
			c.notice("INFO", "00000", told)
		}
		if refusal.Rule != "" {
			r.Hint = refusal.Rule + " of the stand-in's RULES.md"
		}
	case errors.As(err, &load):
		r.Code, r.Message, r.Detail = load.SQLState, load.Message, load.Detail
	case errors.As(err, &fault):
		r.Severity, r.Code, r.Message, r.Detail = worse(severity, fault.Severity), fault.Code, fault.Message, fault.Detail
		r.Message, r.Detail = withoutOwn(r.Message), withoutOwn(r.Detail)
		c.translate(fault, r)
	}
	r.File, r.Line, r.Routine = origin(r.Code)
	c.wire.Send(r)
}

// worse returns FATAL if the error itself came with FATAL or PANIC, and our severity
// otherwise.
func worse(ours, its string) string {
	if its == "FATAL" || its == "PANIC" {
		return "FATAL"
	}
	return ours
}

// origin returns the place in Redshift's source code that an error with this code names,
// as seen in https://github.com/aws/aws-sdk-pandas/issues/665 and
// https://github.com/awslabs/amazon-redshift-utils/issues/716.
func origin(code string) (file string, line int32, routine string) {
	switch code {
	case "XX000":
		return "../src/sys/xen_execute.cpp", 12345, "pg_throw"
	case "42601":
		return "/home/rdsdb/padb/src/pg/src/backend/parser/parser_scan.l", 732, "yyerror"
	}
	return "/home/rdsdb/padb/src/pg/src/backend/tcop/postgres.c", 1234, "exec_simple_query"
}

// block returns the block of details that Redshift's internals add to an error.
func block(message string, code int, context string, query int64, location string, pid uint32) string {
	const rule = "  -----------------------------------------------"
	return fmt.Sprintf("\n%s\n  error:  %s\n  code:      %d\n  context:   %s\n  query:     %d\n  location:  %s\n  process:   padbmaster [pid=%d]\n%s\n",
		rule, message, code, context, query, location, pid, rule)
}

// ownNames replaces the backing server's names by those that a client knows.
var ownNames = strings.NewReplacer(catalogueSchema+".", "", `role "`+groupPrefix, `group "`, `role "`+rolePrefix, `role "`, groupPrefix, "", rolePrefix, "")

func withoutOwn(words string) string { return ownNames.Replace(words) }

// systemView finds the name of a system view in an error.
var systemView = regexp.MustCompile(`"(stl|stv|svl|svv|svcs|sys)_\w+"`)

// translate replaces PostgreSQL's words by Redshift's.
func (c *session) translate(fault *pgconn.PgError, r *pgproto3.ErrorResponse) {
	switch {
	case fault.Code == "40001" && c.level == Serializable:
		r.Code, r.Message, r.Detail = "XX000", "1023", c.violation()
	case fault.Code == "40001":
		r.Code, r.Message, r.Detail = "XX000", conflictText, ""
	case fault.Code == "40P01":
		r.Message = "deadlock detected"
	case fault.Code == "57014":
		message, query := c.running.words()
		if r.Message, r.Detail = message, ""; message == "" {
			r.Message = fmt.Sprintf("Query (%d) cancelled on user's request", query)
		}
	case fault.Code == "25006":
		r.Message = "transaction is read-only"
	case fault.Code == "42P01" && systemView.MatchString(fault.Message):
		r.Message, r.Hint = "[stand-in] "+fault.Message+" here: the system's view is not on the list", "R-702 of the stand-in's RULES.md"
	case fault.Code == "25P02":
		r.Message = aborted().Message
	}
}

// conflictText is the error, under snapshot isolation, of a write to rows that a
// transaction committed in the meantime has changed.
// https://github.com/aws/amazon-redshift-jdbc-driver/issues/147
const conflictText = "could not complete because of conflict with concurrent transaction"

// violation returns the detail of error 1023: the table that the transaction touched
// last, and the numbers of the transactions in the cycle.
// https://github.com/aws/aws-sdk-pandas/issues/665
func (c *session) violation() string {
	var oid int64
	_ = c.server.control(context.Background(), func(conn *pgx.Conn) error {
		return conn.QueryRow(context.Background(), "SELECT coalesce(to_regclass($1)::oid::bigint, 0)", c.transaction.touched).Scan(&oid)
	})
	own := c.transaction.number
	message := fmt.Sprintf("Serializable isolation violation on table - %d, transactions forming the cycle are: %d, %d (pid:%d)", oid, own-1, own, c.backing.PID())
	return block(message, 1023, "", c.query, "xact_mgmt.cpp:1023", c.backing.PID())
}

// aborted returns the refusal of every statement that follows an error in a transaction.
func aborted() *Refusal {
	return &Refusal{Code: "25P02", Message: "current transaction is aborted, commands ignored until end of transaction block", Rule: "R-101"}
}
