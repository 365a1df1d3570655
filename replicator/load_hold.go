package replicator

import (
	"context"
	"fmt"

	"rowshift/schema"
)

// tablesOfLoad returns the names of a load's tables in the metadata schema. Epoch, attempt
// and source table are in them, so that only one load of one daemon ever writes to a table
// of that name.
func tablesOfLoad(epoch Epoch, attempt int, oid uint32) (into, held string) {
	name := fmt.Sprintf("%d_%d_%d", epoch, attempt, oid)
	return "load_" + name, "held_" + name
}

// hold has the changes of tables held anew, from the end of some batch on, and returns once
// they are. What was held before is forgotten: a snapshot that is taken from now on sees
// it. For no tables it does nothing: no batch would come with which anything is held.
func (l *load) hold(ctx context.Context, tables []*schema.Table) error {
	if len(tables) == 0 {
		return nil
	}
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

// makeHeld makes the held tables that are missing and names them in the checkpoint. It
// reports whether there were any.
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
