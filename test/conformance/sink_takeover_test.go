package conformance

import (
	"fmt"
	"strings"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5"
)

// sinkTakesOver takes over the metadata tables of an older rowshift, and of a newer one.
func sinkTakesOver(s *server) string {
	p, err := s.pipeline("layouts")
	if err != nil {
		return err.Error()
	}
	loading := p.table
	l := replicator.LoadState{Into: "load_1_1_16501", Held: "held_1_1_16501", Loaded: true, HandOver: 90}
	plans := func(want string) func() error {
		return func() error {
			planned, err := p.warehouse.Plan(p.ctx, nil, replicator.Foreseen{})
			return differs(err == nil && strings.Contains(strings.Join(planned, "; "), want), "planned are %q: %v", planned, err)
		}
	}
	return inOrder(
		plans("CREATE VIEW"),
		p.fence,
		func() error {
			p.states = p.first(loading).Tables
			p.states[0].State, p.states[0].Load = replicator.Loading, &l
			return p.merge()
		},
		p.has("SELECT layout > 1, epoch, written_by FROM $meta.checkpoint", "t|1|conformance"),

		p.do("ALTER TABLE $meta.checkpoint DROP COLUMN written_by; DROP TABLE $meta.request; DROP TABLE $meta.ledger; DROP TABLE $meta.quarantine; UPDATE $meta.checkpoint SET layout = 1"),
		plans(`ADD COLUMN "written_by"`),
		p.fence,
		p.has("SELECT layout > 1, epoch, written_by FROM $meta.checkpoint", "t|2|conformance"),
		p.has("SELECT COUNT(*) FROM $meta.ledger_1_1_16501", "0"),
		p.has("SELECT COUNT(*) FROM $meta.request", "0"),
		func() error {
			c, err := p.another().Checkpoint(p.ctx)
			if err != nil || c == nil || len(c.Tables) != 1 || c.Tables[0].Load == nil || c.Tables[0].Load.Held != l.Held || c.LSN != p.position {
				return fmt.Errorf("the checkpoint is %+v, %w", c, err)
			}
			return nil
		},

		p.do("DROP TABLE $meta.quarantine"),
		func() error { return halts(p.fence(), replicator.WarehouseUnfit, "there is no table") },
		p.do("UPDATE $meta.checkpoint SET layout = 999, written_by = 'v9.9.9'"),
		func() error { return halts(p.fence(), replicator.WarehouseUnfit, "run rowshift v9.9.9 or later") },
		func() error {
			_, err := p.warehouse.Checkpoint(p.ctx)
			return halts(err, replicator.WarehouseUnfit, "run rowshift v9.9.9 or later")
		},
		p.has("SELECT epoch FROM $meta.checkpoint", "2"),
	)
}

// sinkEndsHolders takes the fence from a session that holds it, as if that belonged to a
// daemon which was cut off, and drops the tables that the daemon's loads have left.
func sinkEndsHolders(s *server) string {
	p, err := s.pipeline("holders")
	if err != nil {
		return err.Error()
	}
	left := func(want ...string) func() error {
		return p.has(`SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n."oid" = c.relnamespace WHERE n.nspname = '$meta' AND c.relkind = 'r' AND c.relname LIKE '%16501'`, want...)
	}
	var holder *pgx.Conn
	return inOrder(
		p.fence,
		func() error { return p.make(p.table, p.loading(p.table, 1)) },
		left("held_1_1_16501", "ledger_1_1_16501", "load_1_1_16501"),
		func() (err error) {
			holder, err = s.connectWith(func(c *pgx.ConnConfig) { c.RuntimeParams["application_name"] = "rowshift/holders" })
			if err != nil {
				return err
			}
			s.sessions["holder"] = holder // so that it is closed in any case
			return s.run(holder, "BEGIN", "LOCK "+p.options.MetadataSchema+".fence")
		},
		func() error { p.warehouse = p.another(); return p.fence() },
		func() error {
			_, err := holder.Exec(p.ctx, "SELECT 1")
			return differs(err != nil, "the session that held the fence lives")
		},
		p.has("SELECT epoch FROM $meta.checkpoint", "2"),
		left(),
	)
}
