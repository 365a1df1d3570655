package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
)

// watching reads all tables again and again while a writer keeps them in step: each of
// its transactions writes the next number into a row of each table. A reader must
// therefore see the same number in all tables that are live.
type watching struct {
	pairs []harness.Pair // the account tables without the writer's rows

	end     context.CancelFunc
	read    chan int // the number of samples in which all was well
	wrote   chan error
	partial int // how many of those saw some tables live and others loading; valid once the reader has ended
}

// mark is the key of the writer's rows, and marked shows each table's number.
const (
	mark   = "00000000-0000-4000-8000-00000000abcd"
	marked = `SELECT 'company' AS of_table, s.state, CAST(DATE_PART(epoch, t.created_at) AS BIGINT) AS n, 0 AS persons FROM rowshift.table_state AS s JOIN userdata.company AS t ON s.source_table = 'company' WHERE t.id = '` + mark + `'
UNION ALL SELECT 'person', s.state, CAST(DATE_PART(epoch, t.last_seen_at) AS BIGINT), 0 FROM rowshift.table_state AS s JOIN userdata.person AS t ON s.source_table = 'person' WHERE t.id = '` + mark + `'
UNION ALL SELECT 'plan', s.state, CAST(TRIM(BOTH '{}' FROM t.features) AS BIGINT), 0 FROM rowshift.table_state AS s JOIN userdata.plan AS t ON s.source_table = 'plan' WHERE t.code = 'mark'
UNION ALL SELECT 'company_person', s.state, CAST(t.role_in_company AS BIGINT), 0 FROM rowshift.table_state AS s JOIN userdata.companyperson AS t ON s.source_table = 'company_person' WHERE t.person_uuid = '` + mark + `'
UNION ALL SELECT 'persons', '', 0, COUNT(*) FROM userdata.person`
)

// watch starts the writer and the reader.
func watch(t *testing.T, w *harness.World) *watching {
	t.Helper()
	execute(t, w, fmt.Sprintf(`INSERT INTO company VALUES ('%[1]s', 'mark', 'mark', 0, 'epoch'); INSERT INTO person VALUES ('%[1]s', 'mark', 'mark', true, NULL, 'epoch');
		INSERT INTO plan VALUES ('mark', 0, '{0}'); INSERT INTO company_person VALUES ('%[1]s', '%[1]s', '0', now())`, mark))
	w.MustBecomeEqual(t)
	ctx, end := context.WithCancel(t.Context())
	g := &watching{end: end, read: make(chan int, 1), wrote: make(chan error, 1)}
	for i, key := range []string{"id", "id", "code", "person_uuid"} {
		p, of := harness.AccountPairs[i], mark
		if key == "code" {
			of = "mark"
		}
		where := fmt.Sprintf(" WHERE %s <> '%s'", key, of)
		g.pairs = append(g.pairs, harness.Pair{Name: p.Name, Source: p.Source + where, Target: p.Target + where})
	}
	go func() { g.wrote <- keepInStep(ctx, w) }()
	go func() { g.read <- g.look(ctx, t, w) }()
	return g
}

// keepInStep writes the next number into all tables, again and again.
func keepInStep(ctx context.Context, w *harness.World) error {
	for n := 1; ; n++ {
		err := w.Execute(ctx, fmt.Sprintf(`UPDATE company SET created_at = to_timestamp(%[1]d) WHERE id = '%[2]s'; UPDATE person SET last_seen_at = to_timestamp(%[1]d) WHERE id = '%[2]s';
			UPDATE plan SET features = '{%[1]d}' WHERE code = 'mark'; UPDATE company_person SET role_in_company = '%[1]d' WHERE person_uuid = '%[2]s'`, n, mark))
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was asked to end
		}
		if err != nil && !strings.Contains(err.Error(), "40P01") && !strings.Contains(err.Error(), "cache lookup failed for publication") {
			return err // neither a deadlock with the load nor a drop of the publication at this moment
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

// look reads all tables in one statement, again and again, and returns how often.
func (g *watching) look(ctx context.Context, t *testing.T, w *harness.World) (samples int) {
	last := map[string]int64{}
	for {
		rows, err := harness.Rows(ctx, w.WarehouseDSN("dev", "dev"), marked)
		if ctx.Err() != nil {
			return samples
		}
		if err != nil {
			t.Errorf("a reader: %v", err)
			return samples
		}
		if wrong := g.judge(rows, last); wrong != "" {
			t.Errorf("a reader saw %s: %q", wrong, rows)
			return samples
		}
		samples++
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// judge returns what is wrong with what a reader saw, given the number that was last seen
// in each table.
func (g *watching) judge(rows []string, last map[string]int64) string {
	live := map[int64]bool{}
	loading := 0
	for _, row := range rows {
		f := strings.Split(row, "|")
		n, _ := strconv.ParseInt(f[2], 10, 64)
		if persons, _ := strconv.Atoi(f[3]); f[0] == "persons" && persons < small.Persons*9/10 {
			return "few persons"
		}
		switch {
		case f[0] == "persons":
			continue
		case f[1] == "live":
			live[n] = true
		default:
			loading++
		}
		if n < last[f[0]] {
			return f[0] + " go back"
		}
		last[f[0]] = n
	}
	if loading > 0 && len(live) > 0 {
		g.partial++
	}
	if len(rows) != 5 || len(live) > 1 {
		return "live tables at several commits, or not all rows"
	}
	return ""
}

// stop ends both, and returns how often all was well, which must be often.
func (g *watching) stop(t *testing.T) {
	t.Helper()
	g.end()
	if err := <-g.wrote; err != nil {
		t.Errorf("the writer: %v", err)
	}
	samples := <-g.read
	if samples < 10 {
		t.Errorf("%d samples: this shows nothing", samples)
	}
	t.Logf("%d samples, %d of them while some tables were live and others loading", samples, g.partial)
}
