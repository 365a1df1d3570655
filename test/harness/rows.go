package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/test/sessions"
)

// kept are the sessions of all worlds.
var kept sessions.Pool

// forget closes the kept sessions to the server at an address.
func forget(address string) {
	kept.Forget(func(dsn string) bool { return strings.Contains(dsn, "@"+address+"/") })
}

// execute runs statements on one connection.
func execute(ctx context.Context, dsn string, statements ...string) error {
	return kept.With(ctx, dsn, func(c *pgx.Conn) error {
		for _, s := range statements {
			if _, err := c.PgConn().Exec(ctx, s).ReadAll(); err != nil {
				return fmt.Errorf("%w in %.200s", err, s)
			}
		}
		return nil
	})
}

// Execute runs statements on the source, as its superuser.
func (w *World) Execute(ctx context.Context, statements ...string) error {
	return execute(ctx, w.SourceDSN(), statements...)
}

// Rows runs a query and returns its rows, sorted. A row is the text of its values joined
// by "|", with "∅" for NULL.
func Rows(ctx context.Context, dsn, query string) ([]string, error) {
	var results []*pgconn.Result
	err := kept.With(ctx, dsn, func(c *pgx.Conn) (err error) {
		results, err = c.PgConn().Exec(ctx, query).ReadAll()
		if strings.HasPrefix(query, "SET ") {
			err = errors.Join(err, c.Close(context.WithoutCancel(ctx)))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var rows []string
	for _, r := range results {
		for _, values := range r.Rows {
			rows = append(rows, joined(values))
		}
	}
	slices.Sort(rows)
	return rows, nil
}

func joined(values [][]byte) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte('|')
		}
		if v == nil {
			b.WriteString("∅")
		}
		b.Write(v)
	}
	return b.String()
}

// Pair is a table of the source and its target, each given by a query.
type Pair struct {
	Name           string
	Source, Target string // queries
}

// AccountPairs are the account tables as AccountTables replicates them.
var AccountPairs = []Pair{
	{"company", "SELECT id, plan, created_at FROM public.company", `SELECT id, "plan", created_at FROM userdata.company`},
	{"person", "SELECT id, is_active, bio, last_seen_at FROM public.person", "SELECT id, is_active, bio, last_seen_at FROM userdata.person"},
	{"plan", "SELECT code, price, features FROM public.plan", "SELECT code, price, features FROM userdata.plan"},
	{"companyperson", "SELECT person_uuid, company_uuid, role_in_company FROM public.company_person", "SELECT person_uuid, company_uuid, role_in_company FROM userdata.companyperson"},
}

// Difference compares tables of the source with their targets, row for row, and returns
// a line for each table that differs. The line counts rows and does not show them.
func (w *World) Difference(ctx context.Context, pairs []Pair) ([]string, error) {
	var lines []string
	for _, p := range pairs {
		want, err := Rows(ctx, w.SourceDSN(), p.Source)
		if err != nil {
			return nil, err
		}
		got, err := Rows(ctx, w.WarehouseDSN("dev", "dev"), p.Target)
		if err != nil {
			return nil, err
		}
		missing, extra := diff(want, got)
		if len(missing)+len(extra) > 0 {
			lines = append(lines, fmt.Sprintf("%s: %d rows in the source, %d in the target; %d missing, such as %.100q; %d extra, such as %.100q",
				p.Name, len(want), len(got), len(missing), first(missing), len(extra), first(extra)))
		}
	}
	return lines, nil
}

// diff compares two sorted lists.
func diff(want, got []string) (missing, extra []string) {
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0] < got[0]:
			missing, want = append(missing, want[0]), want[1:]
		case len(want) == 0 || want[0] > got[0]:
			extra, got = append(extra, got[0]), got[1:]
		default:
			want, got = want[1:], got[1:]
		}
	}
	return missing, extra
}

func first(rows []string) string {
	if len(rows) == 0 {
		return ""
	}
	return rows[0]
}
