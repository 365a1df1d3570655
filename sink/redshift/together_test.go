package redshift

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// counted counts the requests of a session. Each request is one Write.
type counted struct {
	net.Conn
	requests *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	if len(b) > 0 && b[0] == 'Q' {
		c.requests.Add(1)
	}
	return c.Conn.Write(b)
}

// counting returns a warehouse whose requests are counted.
func (w *world) counting() (*Warehouse, *atomic.Int64) {
	var n atomic.Int64
	r := w.warehouse(func(o *Options) {
		config := o.Config
		o.Config = func(ctx context.Context) (*pgx.ConnConfig, error) {
			c, err := config(ctx)
			if err != nil {
				return nil, err
			}
			dial := c.DialFunc
			c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dial(ctx, network, addr)
				return counted{conn, &n}, err
			}
			return c, nil
		}
	})
	return r, &n
}

// manyWords are tables like words: words_0, words_1 and so on.
func manyWords(n int) (tables []*schema.Table) {
	for i := range n {
		t := keyed()
		t.OID += uint32(i)
		t.Target = fmt.Sprintf("words_%d", i)
		t.Name.Table, t.Configured.Table = t.Target, t.Target
		tables = append(tables, t)
	}
	return tables
}

// batchOf is a batch of the same changes of each table.
func batchOf(t testing.TB, tables []*schema.Table, changes ...string) *replicator.Batch {
	b := &replicator.Batch{Commit: true}
	for _, table := range tables {
		b.Folds = append(b.Folds, batch(t, table, changes...).Folds...)
	}
	return b
}

// TestTablesAreMergedTogether shows that a merge of many tables makes as many requests as one of
// few. Each request costs a commit in Redshift, or a round trip.
func TestTablesAreMergedTogether(t *testing.T) {
	w := newWorld(t)
	r, requests := w.counting()
	tables := manyWords(12)
	w.fence(r, tables...)
	w.make(r, tables...)
	w.apply(r, batchOf(t, tables, "insert a|1|x", "insert b|1|y"))
	var took []int64
	for _, n := range []int{1, 12} {
		before := requests.Load()
		merged := w.apply(r, batchOf(t, tables[:n], "update a|2|x", "delete b"))
		took = append(took, requests.Load()-before)
		if len(merged.Rows) != n || merged.Rows[tables[n-1].OID] != 3 {
			t.Errorf("%d tables: rows %v", n, merged.Rows)
		}
		w.apply(r, batchOf(t, tables[:n], "insert b|1|y"))
	}
	if took[0] != took[1] {
		t.Errorf("%d requests for one table, %d for 12", took[0], took[1])
	}
	for _, table := range tables {
		w.want(w.ask("SELECT word, n, body FROM public_copy."+table.Target+" ORDER BY word"), "a|2|x", "b|1|y")
	}
	w.unmoved()
}

// TestFoldsOfATableStayInOrder merges several batches as one. In some, folds that wait for
// others come before and after folds of the same table that do not wait; another has two folds
// of each table.
func TestFoldsOfATableStayInOrder(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	tables := manyWords(3)
	w.fence(r, tables...)
	w.make(r, tables...)
	w.apply(r, batchOf(t, tables, "insert a|1|x", "insert b|1|y"))
	sections := batchOf(t, tables, "update b|3|x", "insert c|1|y")
	sections.Folds = append(sections.Folds, batchOf(t, tables, "update b|4|y", "delete c").Folds...)
	w.apply(r, sections)
	for _, table := range tables {
		w.want(w.ask("SELECT word, n, body FROM public_copy."+table.Target+" ORDER BY word"), "a|1|x", "b|4|y")
	}
	w.apply(r, batchOf(t, tables, "update a|2|z", "insert c|1|w"), batchOf(t, tables, "update a|3|^", "delete c"),
		batchOf(t, tables, "update a|4|v", "update b|2|y"), batchOf(t, tables[:1], "truncate", "insert a|5|u"), batchOf(t, tables, "update a|6|^"))
	w.want(w.ask("SELECT word, n, body FROM public_copy.words_0 ORDER BY word"), "a|6|u")
	for _, target := range []string{"words_1", "words_2"} {
		w.want(w.ask("SELECT word, n, body FROM public_copy."+target+" ORDER BY word"), "a|6|v", "b|2|y")
	}
	w.unmoved()
}

// TestWhatFailsOfManyIsNamed shows that when one request copies or writes many tables and fails,
// the error names the table that it failed at.
func TestWhatFailsOfManyIsNamed(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.HaltOnCopyError = true })
	tables := manyWords(3)
	w.fence(r, tables...)
	w.make(r, tables...)
	wrong := *tables[1]
	wrong.Columns = append([]schema.Column{}, wrong.Columns...)
	wrong.Columns[1].Mapping.Append = nil
	b := batchOf(t, tables, "insert a|1|x")
	b.Folds[1] = batch(t, &wrong, "insert b|secret|y").Folds[0]
	_, err := r.Merge(t.Context(), w.merging(w.stage(b)...))
	if h := wantHalt(t, err, replicator.LoadRefused); !strings.Contains(h.Found, tables[1].Name.String()) || !strings.Contains(h.Found, "column n, error 1207") {
		t.Error(h.Found)
	}
	w.unmoved()

	m := w.merging(w.stage(batchOf(t, tables, "insert a|1|x"))...)
	m.Staged[0].Folds[2].Files.Rows = 3
	if _, err := r.Merge(t.Context(), m); err == nil || !strings.Contains(err.Error(), tables[2].Name.String()+" loaded 1 rows of 3") {
		t.Errorf("%v", err)
	}
	w.unmoved()

	w.admin("ALTER TABLE public_copy.words_1 DROP COLUMN body", "ALTER TABLE public_copy.words_1 ADD COLUMN body VARCHAR(65535) NOT NULL DEFAULT ''")
	_, err = r.Merge(t.Context(), w.merging(w.stage(batchOf(t, tables, "insert a|1|~"))...))
	if u, ok := errors.AsType[*replicator.Unfit](err); !ok || u.OID != tables[1].OID {
		t.Errorf("%v", err)
	}
	w.unmoved()
}

// A request holds only so many statements and bytes; a single statement may have more.
func TestRequestsAreBounded(t *testing.T) {
	w := newWorld(t)
	r, requests := w.counting()
	w.fence(r)
	for name, c := range map[string]struct {
		lengths  []int
		requests int64
	}{
		"none": {nil, 0}, "many": {make([]int, mostTogether+1), 2}, "long": {[]int{togetherBytes / 2, togetherBytes / 2, 2 * togetherBytes, 0}, 4},
	} {
		var statements []string
		for _, n := range c.lengths {
			statements = append(statements, copied+strings.Repeat(" ", n))
		}
		before := requests.Load()
		err := r.with(t.Context(), func(s *session) error {
			results, err := s.together(t.Context(), "look", statements)
			if len(results) != len(statements) {
				t.Errorf("%s: %d results of %d statements", name, len(results), len(statements))
			}
			return err
		})
		if got := requests.Load() - before; err != nil || got != c.requests {
			t.Errorf("%s: %d requests, want %d: %v", name, got, c.requests, err)
		}
	}
}

// TestLoadTablesAreDroppedTogether shows that the load tables of many joins are dropped by few
// requests, and that one which somebody reads does not keep the others.
func TestLoadTablesAreDroppedTogether(t *testing.T) {
	w := newWorld(t)
	r, requests := w.counting()
	w.fence(r)
	loader := must(w.config("loader")(t.Context()))
	for _, read := range []bool{false, true} {
		var loads []place
		for i := range 4 {
			p := r.metadata.table(fmt.Sprintf("load_1_%d_5", i))
			w.query(loader, fmt.Sprintf("CREATE TABLE %s (id INT)", p))
			loads = append(loads, p)
		}
		reader, err := pgx.ConnectConfig(t.Context(), must(w.config("dev")(t.Context())))
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close(context.Background())
		want, left := int64(3), []string(nil) // with the timeouts
		if read {
			want, left = 9, []string{"load_1_2_5"}
			for _, sql := range []string{"BEGIN", "SELECT COUNT(*) FROM " + string(loads[2])} {
				if _, err := reader.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := requests.Load()
		if err := r.with(t.Context(), func(s *session) error { return r.dropLoads(t.Context(), s, loads) }); err != nil {
			t.Fatal(err)
		}
		if n := requests.Load() - before; n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
		w.want(w.ask("SELECT table_name FROM svv_tables WHERE table_name LIKE 'load%'"), left...)
	}
}
