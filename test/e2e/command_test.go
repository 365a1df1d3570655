package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rowshift/test/harness"
	"rowshift/test/pgtest"
	"rowshift/test/redshifttest"
)

// command runs rowshift and checks its exit code and that it prints says.
func command(t *testing.T, w *harness.World, code int, says string, args ...string) {
	t.Helper()
	out, log, got, err := w.Command(t.Context(), args...)
	if err != nil || got != code || !strings.Contains(out+log, says) {
		t.Errorf("%v: exit code %d, %v; want %d and %q in\n%s%s", args, got, err, code, says, out, log)
	}
}

// Promise 8: before a first run, check and plan say what is due and change nothing. Once
// a pipeline runs, all commands report that it is well.
func TestCommands(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, harness.Setup{Accounts: small})
	command(t, w, 0, "0 to be repaired", "check")
	command(t, w, 0, "CREATE PUBLICATION", "plan")
	command(t, w, 0, "CREATE TABLE", "plan")
	command(t, w, 0, "missing", "status")
	if got := one(t, w, "SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_replication_slots)"); got != "0" {
		t.Errorf("check, plan or status made %s publications and slots", got)
	}
	if got := warehouse(t, w, "SELECT COUNT(*) FROM pg_namespace WHERE nspname IN ('rowshift', 'userdata')"); got != "0" {
		t.Errorf("check, plan or status made %s schemas", got)
	}
	if left := w.S3.Objects(t, ""); len(left) > 0 {
		t.Errorf("check left %v in the bucket", left)
	}
	w.MustRun(t)
	w.MustBecomeEqual(t)
	command(t, w, 0, "0 to be repaired", "check")
	command(t, w, 0, "nothing is due", "plan")
	command(t, w, 0, "live", "status")
	command(t, w, 0, `"state": "live"`, "status", "--json")
	command(t, w, 0, "rowshift", "version")
	runbookQueries(t, w)
	readmeQuestions(t, w)
}

// check finds what stands in the way of a first run, names the command that repairs it,
// and exits with 1; once it is repaired, it exits with 0.
func TestCheckOfBrokenWorlds(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, harness.Setup{Accounts: small})
	backing := func(statement string) func(*testing.T) {
		return func(t *testing.T) {
			if _, err := harness.Rows(t.Context(), w.Backing.DSN("dev"), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	source := func(statement string) func(*testing.T) {
		return func(t *testing.T) { execute(t, w, statement) }
	}
	restarted := func(statement string) func(*testing.T) {
		return func(t *testing.T) {
			execute(t, w, statement)
			if err := w.Source.Restart(pgtest.Fast); err != nil {
				t.Fatal(err)
			}
		}
	}
	var injected *redshifttest.Injected
	refusing := func(message string) func(*testing.T) {
		return func(*testing.T) {
			injected = w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Code: "XX000", Message: message})
		}
	}
	accepting := func(*testing.T) { injected.Remove() }
	tests := []struct {
		name          string
		spoil, repair func(*testing.T)
		says          string
	}{
		{"no identity", source("ALTER TABLE plan REPLICA IDENTITY NOTHING"), source("ALTER TABLE plan REPLICA IDENTITY DEFAULT"), "REPLICA IDENTITY"},
		{"no key", source("ALTER TABLE plan DROP CONSTRAINT plan_pkey"), source("ALTER TABLE plan ADD PRIMARY KEY (code)"), "plan"},
		{"no right to replicate", source("ALTER ROLE rowshift NOREPLICATION"), source("ALTER ROLE rowshift REPLICATION"), "REPLICATION"},
		{"no right to publish", source("REVOKE CREATE ON DATABASE app FROM rowshift"), source("GRANT CREATE ON DATABASE app TO rowshift"), "CREATE PUBLICATION"},
		{"no right in the warehouse", backing("REVOKE CREATE ON DATABASE dev FROM loader"), printed(t, w), `AUTHORIZATION "loader"`},
		{"no temporary tables", backing("REVOKE TEMP ON DATABASE dev FROM loader, PUBLIC"), backing("GRANT TEMP ON DATABASE dev TO loader"), "GRANT TEMP ON DATABASE"},
		{"a role that may not read the bucket", refusing("S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0"), accepting, `"s3:GetObject"`},
		{"a role that Redshift may not assume", refusing("User arn:aws:redshift:a:1:dbuser:c/l is not authorized to assume IAM Role " + harness.CopyRole), accepting, "GRANT ASSUMEROLE ON"},
		{"wal_level", restarted("ALTER SYSTEM SET wal_level = 'replica'"), restarted("ALTER SYSTEM RESET wal_level"), "ALTER SYSTEM SET wal_level"},
		{"no bucket", func(*testing.T) { w.Link.Refuse(true) }, func(*testing.T) { w.Link.Refuse(false) }, "bucket"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.spoil(t)
			command(t, w, 1, test.says, "check")
			repairs(t, w)
			test.repair(t)
			command(t, w, 0, "0 to be repaired", "check")
		})
	}
}

// repairs fails the test if check finds something that stands in the way and names no
// repair.
func repairs(t *testing.T, w *harness.World) {
	t.Helper()
	out, _, _, err := w.Command(t.Context(), "check")
	if err != nil {
		t.Fatal(err)
	}
	lines, found := strings.Split(out, "\n"), 0
	for i, line := range lines {
		if !strings.HasPrefix(line, "fail ") && !strings.HasPrefix(line, "error ") {
			continue
		}
		if found++; i+1 == len(lines) || !strings.HasPrefix(strings.TrimSpace(lines[i+1]), "repair: ") {
			t.Errorf("no repair of: %s", line)
		}
	}
	if found == 0 {
		t.Errorf("check finds nothing:\n%s", out)
	}
}

// printed runs in the warehouse what check prints as repairs there.
func printed(t *testing.T, w *harness.World) func(*testing.T) {
	t.Helper()
	return func(t *testing.T) {
		out, _, _, err := w.Command(t.Context(), "check")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			if _, repair, ok := strings.Cut(line, "repair:"); ok && strings.Contains(repair, "CREATE SCHEMA") {
				for statement := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(repair), ";"), "; ") {
					change(t, w, statement)
				}
			}
		}
	}
}

// With a bad config or command line, rowshift exits with code 2, says where the mistake
// is, and touches nothing.
func TestBadConfigs(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, harness.Setup{Accounts: small})
	command(t, w, 2, "password", "run", "--password=hunter2")
	command(t, w, 2, "", "surprise")
	command(t, w, 2, "nowhere.yaml", "--config", filepath.Join(w.Dir, "nowhere.yaml"), "check")
	good, err := os.ReadFile(w.ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, line, says string }{
		{"an unknown key", "surprise: 1", "surprise"},
		{"a wrong value", "checkpoint_refresh: soon", "checkpoint_refresh"},
		{"both at once", "surprise: 1\ncheckpoint_refresh: soon", "checkpoint_refresh"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(w.ConfigFile(), append(good[:len(good):len(good)], test.line+"\n"...), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"run", "check", "plan", "status"} {
				command(t, w, 2, test.says, name)
			}
		})
	}
	if got := one(t, w, "SELECT count(*) FROM pg_replication_slots"); got != "0" {
		t.Errorf("a bad config made %s slots", got)
	}
}
