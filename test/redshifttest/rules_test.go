package redshifttest_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rowshift/test/pgtest"
	"rowshift/test/redshifttest"
	"rowshift/test/s3test"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestRules runs the scripts in testdata/rules. They show each rule of RULES.md by
// statements that are accepted or refused.
//
// A line that begins with "R-" names the rule that the next statements show. "> " begins
// a statement, and lines that begin with two blanks continue it; "2> " begins one of a
// second session, and so on. The lines behind a statement, up to an empty one, are its
// answer: rows, with | between values and with NULL, or "(no rows)" for a query that
// returns none; "= TAG", its command tag; "! CODE text", an error of that SQLSTATE with
// the text in its message or detail; "i text", a part of one of its notices. "@ KEY" puts
// the lines up to an empty one into the bucket, under that key. {bucket} is the name of
// the bucket, {database} that of the database. "#" begins a comment.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/rules/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	backing := pgtest.Start(t, pgtest.Options{Least: redshifttest.BackingMajor}).DSN("postgres")
	for n, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			o := redshifttest.Options{Postgres: backing, Database: fmt.Sprint("rules", n)}
			script = bytes.ReplaceAll(script, []byte("{database}"), []byte(o.Database))
			r := &scriptRun{t: t, database: o.Database, sessions: map[string]*pgx.Conn{}}
			if strings.Contains(string(script), "\n@ ") {
				r.bucket = s3test.Start(t)
				o.S3Endpoint, o.S3Region, o.S3AccessKey, o.S3SecretKey = r.bucket.Endpoint(), r.bucket.Region, r.bucket.AccessKey, r.bucket.SecretKey
				script = bytes.ReplaceAll(script, []byte("{bucket}"), []byte(r.bucket.Bucket))
			}
			if r.server, err = redshifttest.New(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			defer r.server.Close()
			for _, step := range parseScript(string(script)) {
				if step.key != "" {
					r.bucket.Put(t, step.key, []byte(strings.Join(step.rows, "\n")))
					continue
				}
				r.run(step)
			}
		})
	}
}

// step is one statement of a script.
type step struct {
	line      int
	session   string
	statement string
	rows      []string
	tag       string
	refused   string // SQLSTATE
	message   string
	notice    string
	key       string // the key of an object to put, which holds rows as lines
}

// parseScript returns a script's steps.
func parseScript(script string) []step {
	var steps []step
	for n, line := range strings.Split(script, "\n") {
		session, statement, begins := strings.Cut(line, "> ")
		last := len(steps) - 1
		switch {
		case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "R-"), strings.TrimSpace(line) == "":
		case begins && len(session) < 2:
			steps = append(steps, step{line: n + 1, session: session, statement: statement})
		case strings.HasPrefix(line, "@ "):
			steps = append(steps, step{key: line[2:]})
		case len(steps) > 0 && steps[last].key != "":
			steps[last].rows = append(steps[last].rows, line)
		case strings.HasPrefix(line, "i "):
			steps[last].notice = line[2:]
		case strings.HasPrefix(line, "  ") && len(steps[last].rows) == 0:
			steps[last].statement += "\n" + strings.TrimSpace(line)
		case strings.HasPrefix(line, "= "):
			steps[last].tag = line[2:]
		case strings.HasPrefix(line, "! "):
			steps[last].refused, steps[last].message, _ = strings.Cut(line[2:], " ")
		default:
			steps[last].rows = append(steps[last].rows, line)
		}
	}
	return steps
}

// scriptRun is a script that is running.
type scriptRun struct {
	t        *testing.T
	server   *redshifttest.Server
	bucket   *s3test.Server
	database string
	sessions map[string]*pgx.Conn
	notices  []string // of the last statement
}

func (r *scriptRun) session(name string) *pgx.Conn {
	if c := r.sessions[name]; c != nil {
		return c
	}
	config, err := pgx.ParseConfig("postgres://dev:dev@" + r.server.Addr() + "/" + r.database + "?sslmode=disable")
	if err != nil {
		r.t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { r.notices = append(r.notices, n.Message) }
	c, err := pgx.ConnectConfig(r.t.Context(), config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close(context.WithoutCancel(r.t.Context())) })
	r.sessions[name] = c
	return c
}

// run runs a statement by the simple protocol, as text.
func (r *scriptRun) run(s step) {
	r.t.Helper()
	r.notices = nil
	results, err := r.session(s.session).PgConn().Exec(r.t.Context(), s.statement).ReadAll()
	fault := fmt.Sprint(err)
	if p := problem(err); p != nil {
		fault += " " + p.Detail
	}
	switch {
	case s.refused == "" && err != nil:
		r.t.Errorf("line %d: %s: refused: %s", s.line, s.statement, fault)
		return
	case s.refused != "" && err == nil:
		r.t.Errorf("line %d: %s: was taken", s.line, s.statement)
		return
	case s.refused != "" && (code(err) != s.refused || !strings.Contains(fault, s.message)):
		r.t.Errorf("line %d: %s:\n got %s\nwant %s %s", s.line, s.statement, fault, s.refused, s.message)
		return
	}
	var rows []string
	tag := ""
	for _, result := range results {
		for _, values := range result.Rows {
			var row []string
			for _, v := range values {
				if v == nil {
					v = []byte("NULL")
				}
				row = append(row, string(v))
			}
			rows = append(rows, strings.Join(row, "|"))
		}
		tag = result.CommandTag.String()
	}
	queried := slices.ContainsFunc(results, func(r *pgconn.Result) bool { return len(r.FieldDescriptions) > 0 })
	if queried && len(rows) == 0 {
		rows = []string{"(no rows)"}
	}
	if !slices.Equal(rows, s.rows) {
		r.t.Errorf("line %d: %s:\n got %q\nwant %q", s.line, s.statement, rows, s.rows)
	}
	if !strings.Contains(strings.Join(r.notices, "\n"), s.notice) {
		r.t.Errorf("line %d: %s: notices %q, want %q", s.line, s.statement, r.notices, s.notice)
	}
	if s.tag != "" && tag != s.tag {
		r.t.Errorf("line %d: %s: tag %q, want %q", s.line, s.statement, tag, s.tag)
	}
}

// ruleName finds the number of a rule.
var ruleName = regexp.MustCompile(`R-\d{3}`)

// TestRulesAreShown compares RULES.md, the scripts and the code: a script or a test shows
// each rule, and no rule is named that RULES.md does not have.
func TestRulesAreShown(t *testing.T) {
	page, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if m := regexp.MustCompile(`^\| (R-\d{3}) \|`).FindStringSubmatch(line); m != nil {
			if written[m[1]] {
				t.Errorf("%s is there twice", m[1])
			}
			written[m[1]] = true
		}
	}
	shown := map[string]bool{}
	for _, pattern := range []string{"testdata/rules/*.txt", "*.go", "copyload/*.go"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range ruleName.FindAllString(string(content), -1) {
				if !written[name] {
					t.Errorf("%s names %s, which RULES.md has not", file, name)
				}
				if strings.HasSuffix(file, "_test.go") {
					shown[name] = true
				}
			}
			if strings.HasSuffix(file, ".txt") {
				for _, name := range headed(t, file, string(content)) {
					shown[name] = true
				}
			}
		}
	}
	var missing []string
	for name := range written {
		if !shown[name] {
			missing = append(missing, name)
		}
	}
	slices.SortFunc(missing, cmp.Compare[string])
	if len(missing) > 0 {
		t.Errorf("shown by no script and no test: %v", missing)
	}
}

// headed returns the rules that a script shows, which are those whose names stand on
// lines of their own above a statement. It is an error if no statement follows a name.
func headed(t *testing.T, file, script string) (shown []string) {
	t.Helper()
	var waiting []string
	for line := range strings.Lines(script) {
		switch {
		case strings.HasPrefix(line, "R-"):
			waiting = append(waiting, ruleName.FindAllString(line, -1)...)
		case statementLine.MatchString(line):
			shown, waiting = append(shown, waiting...), nil
		}
	}
	if len(waiting) > 0 {
		t.Errorf("%s: no statement stands below %v", file, waiting)
	}
	return shown
}

// statementLine matches a line that begins a statement of any session.
var statementLine = regexp.MustCompile(`^.?> `)
