package redshift

import (
	"errors"
	"strings"
	"testing"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestServersErrors(t *testing.T) {
	tests := []struct {
		op, severity, code, message string
		retry, final                bool
	}{
		{"insert", "ERROR", "XX000", "Invalid digit, Value 'canary', Pos 0, Type: Integer", false, false},
		{"copy", "ERROR", "XX000", "Value canary too long: 1023 bytes", false, false},
		{"insert", "ERROR", "XX000", "canary: serializable isolation violation", true, false},
		{"insert", "ERROR", "22P02", `invalid input syntax for integer: "canary"`, false, false},
		{"insert", "ERROR", "23502", "Cannot insert a NULL value, canary", false, false},
		{"insert", "ERROR", "", "canary", false, false},
		{"insert", "ERROR", "XX000", "1023", true, false},
		{"insert", "ERROR", "XX000", "could not complete because of conflict with concurrent transaction", true, false},
		{"delete", "ERROR", "XX000", "could not open relation with OID 4711", true, false},
		{"delete", "ERROR", "40P01", "deadlock detected", true, false},
		{"lock", "ERROR", "57014", "Query (12) cancelled on user's request", true, false},
		{"lock", "FATAL", "57P01", "terminating connection due to administrator command", true, false},
		{"copy", "FATAL", "57P05", "terminating connection due to idle session timeout", true, false},
		{opCommit, "FATAL", "57P05", "terminating connection due to idle-in-transaction timeout", false, false},
		{opCommit, "ERROR", "XX000", "1023", true, false},
		{opCommit, "FATAL", "57P01", "terminating connection due to administrator command", false, false},
		{"copy", "ERROR", "XX000", "Load into table 'stage_1' failed.  Check 'stl_load_errors' system table for details.", false, false},
		{"insert", "ERROR", "XX000", "1023 Serializable isolation violation on table - 119371", true, false},
		{"insert", "ERROR", "XX000", "assert in file 10231", false, false},
		{"delete", "ERROR", "42P01", `relation "x" does not exist`, false, false},
		{"copy", "ERROR", "42501", "permission denied for schema x", false, true},
	}
	for _, test := range tests {
		p := &pgconn.PgError{Severity: test.severity, Code: test.code, Message: test.message, Detail: "Key (id)=(secret) is there"}
		err := (&session{lasting: true}).failed(test.op, p)
		if replicator.Retryable(err) != test.retry || replicator.Final(err) != test.final || codeOf(err) != test.code || answered(err) != (test.code != "") {
			t.Errorf("%s: %s %s: retryable %v, final %v: %v", test.op, test.code, test.message, replicator.Retryable(err), replicator.Final(err), err)
		}
		for _, value := range []string{"secret", "canary"} {
			if strings.Contains(err.Error()+bare(p), value) {
				t.Errorf("a value is shown: %v, %s", err, bare(p))
			}
		}
	}
}

func TestMessagesWithoutValuesAreShown(t *testing.T) {
	for message, code := range map[string]string{
		"could not complete because of conflict with concurrent transaction": "40001",
		"deadlock detected":              "40P01",
		`relation "x" does not exist`:    "42P01",
		"permission denied for schema x": "42501",
		"Load into table 'stage_1' failed.  Check 'stl_load_errors' system table for details.":   "XX000",
		"S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0":                   "XX000",
		"COPY with MANIFEST parameter requires full path of an S3 object.":                       "XX000",
		"User arn:aws:redshift:a:1:dbuser:c/l is not authorized to assume IAM Role arn:aws:iam:": "XX000",
	} {
		if err := (&session{}).failed("copy", &pgconn.PgError{Severity: "ERROR", Code: code, Message: message}); !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v", message, err)
		}
	}
	if got := said("XX000", "1023"); !strings.Contains(got, "isolation violation") {
		t.Error(got)
	}
}

func TestRolesThatAreRefused(t *testing.T) {
	for message, want := range map[string]bool{
		"User arn:aws:redshift:eu-central-1:1:dbuser:c/loader is not authorized to assume IAM Role arn:aws:iam::1:role/copy": true,
		"exception name : UnauthorizedException, error type : 135, message: Not authorized to get credentials of role arn":   true,
		"The specified key does not exist.": false,
	} {
		if assumeRefused(&Error{Op: "copy", Code: "XX000", Message: message}) != want {
			t.Errorf("%s: %v", message, !want)
		}
	}
}

func TestBrokenLinks(t *testing.T) {
	broken := errors.New("unexpected EOF")
	for _, lasting := range []bool{false, true} {
		err := (&session{lasting: lasting}).failed("delete", broken)
		if replicator.Retryable(err) == lasting || answered(err) || replicator.Final(err) || codeOf(err) != "" {
			t.Errorf("lasting %v: %v, retryable %v", lasting, err, replicator.Retryable(err))
		}
	}
	if !answered(nil) || answered(broken) {
		t.Error("answered")
	}
}

func TestSafeReasonShowsNoValues(t *testing.T) {
	for _, code := range []string{"1204", "1207 ", "1220", "9999", "Invalid digit, Value 'secret', Pos 0"} {
		if got := safeReason(code); got == "" || strings.Contains(got, "secret") {
			t.Errorf("%s: %q", code, got)
		}
	}
	if safeReason("1207 ") != "not a digit" {
		t.Error(safeReason("1207 "))
	}
}

func TestLoadErrorsOfOthersAreNotOurs(t *testing.T) {
	f := replicator.Files{Objects: []string{"s3://acme/p/1/0-0.csv.zst", "s3://acme/p/1/0.manifest"}}
	for file, want := range map[string]bool{"s3://acme/p/1/0-0.csv.zst": true, "s3://acme/p/1/0-0.csv": true, "s3://acme/p/2/0-0.csv.zst": false, "": false} {
		if isObjectOf(file, f) != want {
			t.Errorf("%q: %v", file, !want)
		}
	}
}

// A COPY of a load commits by itself, into a table that is not made anew. Tried again after a
// commit, it would leave the rows there twice.
func TestASessionThatEndsAtALoadMayHaveCommitted(t *testing.T) {
	s := &session{lasting: true, commits: true}
	for severity, retry := range map[string]bool{"FATAL": false, "ERROR": true} {
		err := s.failed("copy", &pgconn.PgError{Severity: severity, Code: "57P01", Message: "terminating connection due to administrator command"})
		if replicator.Retryable(err) != retry {
			t.Errorf("%s: retryable %v", severity, !retry)
		}
	}
}
