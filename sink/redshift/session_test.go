package redshift

import (
	"context"
	"slices"
	"testing"
	"time"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5"
)

// hurried returns a warehouse whose user has settings that would end long statements and change
// the form of times.
func (w *world) hurried() *Warehouse {
	w.t.Helper()
	user := "hurried_" + w.database
	if err := w.server.SetUser(w.t.Context(), user, "hurried"); err != nil {
		w.t.Fatal(err)
	}
	w.admin("GRANT CREATE ON DATABASE "+w.database+" TO "+user, "ALTER USER "+user+" SET statement_timeout TO 1000",
		"ALTER USER "+user+" SET datestyle TO 'SQL, DMY'", "ALTER USER "+user+" SET timezone TO 'America/New_York'")
	return w.warehouse(func(o *Options) {
		o.QueryGroup = "loads"
		o.Config = func(ctx context.Context) (*pgx.ConnConfig, error) {
			c, err := w.config("loader")(ctx)
			c.User, c.Password = user, "hurried"
			return c, err
		}
	})
}

func TestSettingsOfTheUserAreNotHeard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.hurried(), keyed()
	s, err := r.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if style, zone := s.conn.ParameterStatus("DateStyle"), s.conn.ParameterStatus("TimeZone"); style != "ISO, MDY" || zone != "UTC" {
		t.Errorf("times are shown as %s, in %s", style, zone)
	}
	s.close(t.Context())
	w.fence(r)
	m := w.merging()
	m.Checkpoint.LSN, m.Checkpoint.Time = 110, time.Date(2026, 3, 13, 23, 30, 0, 5000, time.UTC)
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if c, err := r.Checkpoint(t.Context()); err != nil || !c.Time.Equal(m.Checkpoint.Time) {
		t.Errorf("the time is read as %v, %v", c, err)
	}

	// A load waits for the fence for longer than the user's timeout.
	w.admin("GRANT USAGE ON SCHEMA rowshift_accounts TO loader", "GRANT ALL ON TABLE rowshift_accounts.fence TO loader")
	load := loadState("load_1_1_16501")
	if err := r.Hold(t.Context(), load.Held, table); err != nil {
		t.Fatal(err)
	}
	holder := w.begun("psql", lockFence)
	made := make(chan error, 1)
	go func() { made <- w.bring(r, load, table, replicator.StagedLoad{}) }()
	w.eventually("a load waits for longer than its user may", func() bool {
		select {
		case err := <-made:
			t.Fatalf("a load that had to wait: %v", err)
		default:
		}
		return !slices.Contains(w.below("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND now() - query_start > INTERVAL '1300 ms'"), "0")
	})
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Error(err)
	}
}
