package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/test/harness"
)

// writtenTable is what those who write beside the drawn statements know of a table.
type writtenTable struct{ name, id, long string }

// known tells them the current names of the tables.
func (f *followed) known() {
	var names []writtenTable
	for _, t := range f.drawing.tables {
		names = append(names, writtenTable{name: t.full(), id: t.id(), long: t.long()})
	}
	f.names.Store(&names)
}

// write writes rows to the tables until the test ends, whatever becomes of the tables
// meanwhile. Much of it may be refused.
func (f *followed) write(t *testing.T, seed uint64) {
	t.Helper()
	c := dial(t, f.world.SourceDSN())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() { stop(); <-done })
	rng := rand.New(rand.NewPCG(seed, 2))
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			names := *f.names.Load()
			f.quiet.RLock()
			_, err := c.Exec(ctx, written(rng, names[rng.IntN(len(names))], n)).ReadAll()
			f.quiet.RUnlock()
			var fault *pgconn.PgError
			switch {
			case err == nil:
				f.written.Add(1)
			case !errors.As(err, &fault) && ctx.Err() == nil:
				t.Errorf("others cannot write: %v", err)
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
}

// written returns a transaction of one who writes beside the drawn statements.
func written(rng *rand.Rand, t writtenTable, n int) string {
	id := 1_000_000 + rng.IntN(n+1)
	switch rng.IntN(5) {
	case 0:
		return fmt.Sprintf("UPDATE %s SET %s = %[2]s || '.' WHERE %[3]s = %[4]d", t.name, t.long, t.id, id)
	case 1:
		return fmt.Sprintf("DELETE FROM %s WHERE %s = %d", t.name, t.id, id)
	}
	return fmt.Sprintf("INSERT INTO %s (%s, %s) VALUES (%d, repeat('w', %d))", t.name, t.id, t.long, 1_000_000+n, rng.IntN(4000))
}

// repair does by hand what the warehouse needs for tables that are parked because a
// column of their targets cannot become what is due.
func (f *followed) repair(t *testing.T, a *accounts) error {
	t.Helper()
	for _, table := range f.drawing.tables {
		state, err := tableRows(t.Context(), a.target, "SELECT detail FROM rowshift.table_state WHERE state = 'parked' AND source_table = '"+table.config+"'")
		if err != nil || len(state) == 0 || !strings.Contains(state[0][0], `"reason":"target_drift"`) {
			continue
		}
		kinds, err := a.kinds(t.Context(), table)
		if err != nil {
			return err
		}
		for _, c := range table.chosen() {
			if is := kinds[c.name]; is == nil || is[0] == c.kind.warehouse {
				continue
			}
			if !slices.Contains(table.drifted(), c.name) {
				t.Fatalf("%s is parked, and column %s was never of another type: %s", table.config, c.name, state[0][0])
			}
			f.repairs++
			f.note("-- %s.%s is moved away in the warehouse", table.config, c.name)
			change(t, f.world, fmt.Sprintf("ALTER TABLE userdata.%s RENAME COLUMN %s TO %[2]s_away%d", table.config, c.name, f.repairs))
			change(t, f.world, "INSERT INTO rowshift.request (kind, source_schema, source_table, token, state, requested_at) VALUES ('resync', 'public', '"+table.config+"', '', 'requested', GETDATE())")
			f.mark(t)
		}
	}
	return nil
}

// mark writes a row, so that there is a merge: each merge reads the requests.
func (f *followed) mark(t *testing.T) {
	t.Helper()
	f.marks++
	execute(t, f.world, fmt.Sprintf("INSERT INTO mark VALUES (%d)", f.marks))
}

// retry loads tables again that have rows in quarantine because the target lacked an
// unchanged value. After that no such row is left.
func (f *followed) retry(t *testing.T) {
	t.Helper()
	const unfilled = "SELECT DISTINCT target FROM rowshift.quarantine WHERE lifted_at IS NULL AND reason = 'unfilled'"
	refused := rows(t, f.world.WarehouseDSN("dev", "dev"), unfilled)
	if len(refused) == 0 {
		return
	}
	command := []string{"quarantine", "retry"}
	for _, target := range refused {
		command = append(command, "public."+target)
	}
	if out, errs, code, err := f.world.Command(t.Context(), command...); err != nil || code != 0 {
		t.Fatalf("quarantine retry: exit code %d, %v\n%s%s", code, err, out, errs)
	}
	f.mark(t)
	harness.Until(t, "no row to be unfilled", func() (bool, error) {
		left, err := harness.Rows(t.Context(), f.world.WarehouseDSN("dev", "dev"), unfilled)
		return len(left) == 0, err
	})
	f.compare(t)
}
