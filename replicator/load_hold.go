package replicator

import (
	"context"
	"fmt"

	"rowshift/schema"
)

// tablesOfLoad names a load's tables in the metadata schema, by epoch, attempt and
// source table: no daemon but one, and no load but one, ever writes to them.
func tablesOfLoad(epoch Epoch, attempt int, oid uint32) (into, held string) {
	name := fmt.Sprintf("%d_%d_%d", epoch, attempt, oid)
	return "load_" + name, "held_" + name
}

// hold lets the changes of tables be held anew, from the end of some batch on, and
// returns once they are. All that was held before is seen by a snapshot that is taken
// now, and forgotten.
func (l *load) hold(ctx context.Context, tables []*schema.Table) error {
	var o order
	attempt := l.loads.attempt()
	for _, t := range tables {
		h := Hold{Table: t}
		h.Into, h.Held = tablesOfLoad(l.epoch, attempt, t.OID)
		if err := again(ctx, l.Options, "load", func() error { return l.Loader.Hold(ctx, h.Held, t) }); err != nil {
			return err
		}
		o.hold = append(o.hold, h)
	}
	if err := l.order(ctx, o); err != nil {
		return err
	}
	return await(ctx, l.held)
}

// makeHeld makes the held tables that are missing and names them in the checkpoint.
func (d *daemon) makeHeld(ctx context.Context, opened Opened, c *Checkpoint) (made bool, err error) {
	tables := opened.byOID()
	attempt := 0
	for i := range c.Tables {
		s := &c.Tables[i]
		if s.State != Loading || s.Load != nil && s.Load.Held != "" {
			continue
		}
		if attempt == 0 {
			attempt = d.loads.attempt()
		}
		into, held := tablesOfLoad(c.Epoch, attempt, s.OID)
		fresh := s.Load == nil
		s.changeLoad(func(l *LoadState) {
			if fresh {
				l.Into = into
			}
			l.Held = held
		})
		err := again(ctx, d.Options, "load", func() error { return d.Loader.Hold(ctx, held, tables[s.OID]) })
		if err != nil {
			return false, err
		}
	}
	return attempt > 0, nil
}
