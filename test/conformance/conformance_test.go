package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// summary is what is printed at the end.
var summary struct {
	mu        sync.Mutex
	tried     int
	different []string
	leftOut   []string
	notTold   []string
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, line := range summary.different {
		fmt.Println("DIFFERENT", line)
	}
	if len(summary.leftOut) > 0 {
		fmt.Println("LEFT OUT, without REDSHIFT_TEST_BUCKET and REDSHIFT_TEST_ROLE:", strings.Join(summary.leftOut, " "))
	}
	for _, line := range summary.notTold {
		fmt.Println("LEFT OUT, not told:", line)
	}
	if summary.tried > 0 {
		fmt.Printf("%d behaviours tried, %d different, %d left out\n", summary.tried, len(summary.different), len(summary.leftOut)+len(summary.notTold))
	}
	os.Exit(code)
}

// most is how long a behaviour may take. Some send several hundred statements, and a
// small cluster compiles each that is new to it.
const most = 20 * time.Minute

// TestConformance tries each behaviour on the server, and checks that it leaves nothing
// behind.
func TestConformance(t *testing.T) {
	place := open(t)
	for _, b := range behaviours(t) {
		t.Run(b.name, func(t *testing.T) {
			if b.files && place.bucket == nil {
				summary.leftOut = append(summary.leftOut, b.name)
				t.Skip("there is no bucket, or no role")
			}
			ctx, cancel := context.WithTimeout(t.Context(), most)
			defer cancel()
			s := &server{place: place, t: t, ctx: ctx, sessions: map[string]*pgx.Conn{}}
			if b.files {
				s.files = place.bucket.url() + "/" + b.name
			}
			defer s.close()
			difference := s.try(b)
			if difference == "" && s.notTold != "" {
				summary.notTold = append(summary.notTold, b.name+": "+s.notTold)
				t.Skip(s.notTold)
			}
			summary.tried++
			if difference != "" {
				line := fmt.Sprintf("%s (%s, grade %s): %s", b.name, strings.Join(b.rules, " "), b.grade, difference)
				summary.different = append(summary.different, line)
				t.Error(line)
			}
		})
	}
	if place.bucket != nil && !t.Failed() {
		place.tellSent(t)
	}
	if err := place.leavesNothing(t.Context()); err != nil {
		t.Error(err)
	}
}

// behaviours returns all behaviours, from scripts and from Go.
func behaviours(t *testing.T) []*behaviour {
	t.Helper()
	return slices.Concat(scripts(t), wire, concurrent, sink)
}

// try runs a behaviour, and returns how the server differs from it.
func (s *server) try(b *behaviour) string {
	if err := s.putObjects(b.objects); err != nil {
		s.t.Fatal(err)
	}
	if b.observe != nil {
		return b.observe(s)
	}
	for _, step := range b.script {
		if difference := s.step(step); difference != "" {
			return difference
		}
	}
	return ""
}

// copyFrom finds $from(name), which stands for the part of a COPY that names an object by
// its manifest.
var copyFrom = regexp.MustCompile(`\$from\(([^)]+)\)`)

// filled replaces placeholders in a statement or an object by this run's names.
func (s *server) filled(text string) string {
	text = copyFrom.ReplaceAllString(text, "FROM '$$files/$1.manifest' IAM_ROLE '$$role' MANIFEST")
	return strings.NewReplacer("$files", s.files, "$role", s.role, "$schema", s.schema).Replace(text)
}

// step runs a statement by the simple protocol, as text, and returns how its answer
// differs. Redshift's system tables show a COPY only after a while, so a query of one is
// repeated.
func (s *server) step(want step) string {
	statement := s.filled(want.statement)
	differ := s.differ(want, statement)
	if strings.Contains(statement, "sys_load_error_detail") {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := 0; differ != "" && s.real && n < 20; n++ {
			<-tick.C
			differ = s.differ(want, statement)
		}
	}
	if differ == "" {
		return ""
	}
	return fmt.Sprintf("%s: %s: %s", want.line, strings.Join(strings.Fields(statement), " "), differ)
}

func (s *server) differ(want step, statement string) string {
	results, err := s.session(want.session).PgConn().Exec(s.ctx, statement).ReadAll()
	if err != nil || want.refused {
		return refusal(want, err)
	}
	rows, tag := shown(results)
	if slices.Equal(want.rows, []string{"(no rows)"}) {
		want.rows = []string{}
	}
	switch {
	case want.rows != nil && !slices.Equal(rows, want.rows):
		return fmt.Sprintf("answered %q, not %q", rows, want.rows)
	case want.tag != "" && tag != want.tag:
		return fmt.Sprintf("has the tag %q, not %q", tag, want.tag)
	}
	return ""
}

// refusal returns how an error differs from the expected one.
func refusal(want step, err error) string {
	if err == nil {
		return fmt.Sprintf("was taken, not refused with %q", strings.TrimSpace(want.code+" "+want.message))
	}
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return "broke: " + err.Error()
	}
	text := fmt.Sprintf("%s %s", said.Code, strings.Join(strings.Fields(said.Message+" "+said.Detail), " "))
	switch {
	case !want.refused:
		return "was refused: " + text
	case want.code != "" && want.code != "-" && said.Code != want.code, !strings.Contains(said.Message+" "+said.Detail, want.message):
		return fmt.Sprintf("was refused with %q, not %q", text, want.code+" "+want.message)
	}
	return ""
}

// shown returns the rows of results, and the command tag of the last one.
func shown(results []*pgconn.Result) (rows []string, tag string) {
	rows = []string{}
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
	return rows, tag
}
