package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), text); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// goodConfig names everything that a config can say, on one line each where a test
// wants to change one.
const goodConfig = `pipeline: accounts
source:
  dsn: postgres://rowshift@db.internal/app
  password: ${ROWSHIFT_TEST_PASSWORD}
  slot: rowshift_accounts
  publication: rowshift_accounts
  create: true
  load_yield: 10s
warehouse:
  dsn: postgres://loader@dw.internal:5439/dw
  password: ${ROWSHIFT_TEST_PASSWORD}
  schema: userdata
  metadata_schema: rowshift
  copy_role: arn:aws:iam::123456789012:role/copy
  readers: [analysts]
  query_group: rowshift
bucket:
  url: s3://acme-rowshift/accounts
  region: eu-west-1
batch: {rows: 500000, bytes: 128MiB, max_age: 5s, min_interval: 1s}
tables:
  public.company: {columns: [id, plan, created_at]}
  public.person: {exclude: [email, full_name]}
  public.plan: {columns: all}
  public.company_person: {columns: [person_uuid, company_uuid], target: companyperson, distkey: company_uuid}
checkpoint_refresh: 5m
checkpoint_refresh_wal: 256MiB
listen: :9187
log: {level: info}
`

// canary is a password that must not be seen anywhere.
const canary = "canary-2b7e151628aed2a6"

// writeConfig writes a config file and returns its path.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	t.Setenv("ROWSHIFT_TEST_PASSWORD", canary)
	path := filepath.Join(t.TempDir(), "rowshift.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rowshift runs a command line as main does.
func rowshift(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	for _, text := range []string{out.String(), errs.String()} {
		if strings.Contains(text, canary) {
			t.Errorf("rowshift %v printed the password:\n%s", args, text)
		}
	}
	return code, out.String(), errs.String()
}

func TestHelp(t *testing.T) {
	for _, c := range []struct{ golden, args string }{
		{"help.txt", "--help"},
		{"help.txt", "help"},
		{"help_run.txt", "run --help"},
		{"help_run.txt", "help run"},
		{"help_status.txt", "status --help"},
	} {
		code, stdout, stderr := rowshift(t, strings.Fields(c.args)...)
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit code %d, stderr %q", c.args, code, stderr)
		}
		golden(t, c.golden, stdout)
	}
}

func TestVersion(t *testing.T) {
	code, stdout, _ := rowshift(t, "version")
	if _, again, _ := rowshift(t, "--version"); again != stdout {
		t.Errorf("--version prints %q", again)
	}
	if code != 0 || !strings.HasPrefix(stdout, "rowshift ") || !strings.Contains(stdout, "go1.") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
}

func TestCommandLineFaults(t *testing.T) {
	good := writeConfig(t, goodConfig)
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "expected one of"},
		{[]string{"start"}, "unexpected argument start"},
		{[]string{"run", "--twice"}, "unknown flag --twice"},
		{[]string{"status", "--json=maybe"}, "bool"},
		{[]string{"run", "--config"}, "rowshift: --config needs a value; see rowshift --help"},
		{[]string{"run", "--config", ""}, "rowshift: --config, or ROWSHIFT_CONFIG, is empty; name the config's file"},
		{[]string{"check", "--config", "/"}, "/: cannot be read: is a directory"},
		{[]string{"run", "--password", canary}, "a password on the command line"},
		{[]string{"run", "--password=" + canary}, "a password on the command line"},
		{[]string{"run", "--source-password=" + canary}, "a password on the command line"},
		{[]string{"run", "postgres://rowshift:" + canary + "@db/app"}, "a password on the command line"},
		{[]string{"run", "--dsn=postgres://rowshift:" + canary + "@db/app"}, "a password on the command line"},
		{[]string{"check", "host=db password=" + canary}, "a password on the command line"},
		{[]string{"reset-slot", "--token", ""}, "the token of the reset is empty; write a word"},
		{[]string{"reset-slot", "--token", " "}, "the token of the reset is empty; write a word"},
		{[]string{"reset-slot", "--token", "today "}, "the token of the reset begins or ends with a blank"},
		{[]string{"reset-slot", "--token", strings.Repeat("t", 201)}, "the token of the reset has 201 bytes; write up to 200"},
		{[]string{"run", "--reset-slot", strings.Repeat("t", 201)}, "the token of the reset has 201 bytes; write up to 200"},
		{[]string{"quarantine", "list", "--limit=-1"}, "--limit is -1; write 1 or more"},
		{[]string{"quarantine", "list", "--limit=0"}, "--limit is 0; write 1 or more"},
		{[]string{"quarantine", "drop", `["1"]`}, `["1"] is a key, and no table stands before it`},
		{[]string{"quarantine", "drop", "person"}, "person is neither a table"},
		{[]string{"quarantine", "drop", "public.person"}, "no key stands behind public.person"},
		{[]string{"quarantine", "list", "person"}, "person is not a table, as schema.table"},
		{[]string{"resync", "public.persons", "--config", good}, "public.persons is not a table of the config"},
		{[]string{"check", "--config", "/nowhere/rowshift.yaml"}, "/nowhere/rowshift.yaml: cannot be read: no such file or directory; name the config by --config or ROWSHIFT_CONFIG"},
	} {
		code, stdout, stderr := rowshift(t, c.args...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q; want 2 and one line with %q", c.args, code, stdout, stderr, c.says)
		}
	}
}

// TestTokenOfTheEnvironment shows that what stands around the token of a variable, which may
// stay in a Deployment, is no part of it and no reason to end.
func TestTokenOfTheEnvironment(t *testing.T) {
	d := &daemon{config: load(t, goodConfig)}
	for says, want := range map[string]string{"": "", " \n": "", "today": "today", "today\n": "today", "\ttwo words \r\n": "two words", strings.Repeat("t", 200) + "\n": strings.Repeat("t", 200)} {
		t.Setenv("ROWSHIFT_RESET_SLOT", says)
		if code, _, stderr := rowshift(t, "run", "--config", "/nowhere/rowshift.yaml"); code != 2 || !strings.Contains(stderr, "/nowhere/rowshift.yaml: cannot be read") {
			t.Errorf("%q: exit code %d, %s", says, code, stderr)
		}
		if got := d.options(&rooms{}, runCommand{ResetSlot: says}).ResetSlot; got != want {
			t.Errorf("%q is the token %q, want %q", says, got, want)
		}
	}
}

func TestConfigFromEnvironment(t *testing.T) {
	t.Setenv("ROWSHIFT_CONFIG", writeConfig(t, "pipeline: [a]\n"))
	code, _, stderr := rowshift(t, "plan")
	if code != 2 || !strings.Contains(stderr, "rowshift.yaml:1: pipeline: is a list") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestEveryCommandChecksTheConfigFirst(t *testing.T) {
	path := writeConfig(t, strings.ReplaceAll(goodConfig, "pipeline: accounts", "pipeline: Accounts"))
	for _, command := range []string{"run", "check", "plan", "status"} {
		code, stdout, stderr := rowshift(t, command, "--config", path)
		if code != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", command, code, stdout, stderr)
		}
	}
}

// TestErrorsAreTold has a line for each fault of a table, and one for anything else.
func TestErrorsAreTold(t *testing.T) {
	table := schema.Name{Schema: "public", Table: "company"}
	faulty := errors.Join(&schema.Fault{Table: table, Found: "f", Repair: "r"}, &schema.Fault{Table: table, Found: "g", Repair: "s"})
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{nil, 0, ""},
		{errTold, 1, ""},
		{errors.New("a\nb"), 1, "rowshift: a b\n"},
		{fmt.Errorf("tables: %w", &replicator.Halt{Reason: replicator.SlotLost, Found: "f", Repair: "r"}), 1, "rowshift: tables: slot_lost: f; repair: r\n"},
		{faulty, 1, "rowshift: public.company: f; r\nrowshift: public.company: g; s\n"},
	} {
		var b bytes.Buffer
		if code := told(c.err, &b); code != c.code || b.String() != c.want {
			t.Errorf("%v: exit code %d, %q; want %d, %q", c.err, code, &b, c.code, c.want)
		}
	}
}
