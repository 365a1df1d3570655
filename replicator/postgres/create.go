package postgres

import (
	"context"
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// Create implements replicator.Origin. It makes the publication before the slot: log from
// before a publication was made cannot be decoded with it.
func (o *Origin) Create(ctx context.Context, r replicator.CreateRequest) (c replicator.Created, err error) {
	conn, err := o.session(ctx) // one that may idle for hours, while it waits for others
	if err != nil {
		return c, err
	}
	defer shut(conn)
	s, err := o.fitServer(ctx, conn)
	if err != nil {
		return c, err
	}
	if err := o.sameSystem(ctx, s, r.System); err != nil {
		return c, err
	}
	if r.Still != nil { // else a slot that another daemon has just made would be taken for a stranger's
		if err := r.Still(ctx); err != nil {
			return c, err
		}
	}
	if err := o.sameSlot(ctx, conn, s.database, r); err != nil {
		return c, err
	}
	found, err := findSlot(ctx, conn, o.options.Slot)
	if err != nil {
		return c, err
	}
	if err := o.mayTake(found, s.database, r.Resumed); err != nil {
		return c, err
	}
	o.Remember(r.Known)
	if _, err := o.recognise(ctx, s); err != nil {
		return c, err
	}
	if r.Look {
		return c, o.foreign(ctx, conn, s, r)
	}
	if err := o.align(ctx, conn, s, r); err != nil {
		return c, err
	}
	made, err := o.ensureSlot(ctx, conn, s, r)
	if err != nil {
		return c, err
	}
	if err := o.settle(ctx, conn); err != nil {
		return c, err
	}
	c.Start = made.confirmed
	c.Proof, err = o.mark(ctx, conn)
	return c, err
}

// sameSystem returns a *replicator.Halt if the source has another system identifier than it
// must have. If want is empty, any will do.
func (o *Origin) sameSystem(ctx context.Context, s server, want string) error {
	if want == "" {
		return nil
	}
	system, err := o.system(ctx, s.role)
	if err != nil || system == want {
		return err
	}
	return &replicator.Halt{
		Reason: replicator.SourceChanged,
		Found:  fmt.Sprintf("the source has system identifier %s, the checkpoint is of %s", system, want),
		Means:  "this is another cluster, or one that was restored from a dump: nothing is loaded from it unless somebody says so",
		Repair: replicator.AnotherSource,
	}
}

// sameSlot returns a *replicator.Halt if the pipeline has a slot of another name than the
// config's. That slot would be left behind, in this database or in the one that the tables
// are known from, and the server would keep log for it. And a slot that already has the
// config's name may be another pipeline's.
func (o *Origin) sameSlot(ctx context.Context, q querier, database string, r replicator.CreateRequest) error {
	had := r.Slot
	if had == "" || had == o.options.Slot {
		return nil
	}
	old, err := findSlot(ctx, q, had)
	if err != nil {
		return err
	}
	if old != nil && (old.ours(database) || old.ours(r.Known.Database)) {
		return &replicator.Halt{
			Reason: replicator.SlotStrange,
			Found:  fmt.Sprintf("the config names slot %q, the checkpoint is of %q, which is still there", o.options.Slot, had),
			Means:  "nobody would read that one any more, and it would keep log until the disk is full",
			Repair: fmt.Sprintf("set source.slot to %s again, or, if no other pipeline uses it: %s", had, dropSlot(had)),
		}
	}
	found, err := findSlot(ctx, q, o.options.Slot)
	if err != nil || found == nil || !o.options.Create {
		return err
	}
	return &replicator.Halt{
		Reason: replicator.SlotStrange,
		Found:  fmt.Sprintf("there is a slot %q already, and the checkpoint is of %q", o.options.Slot, had),
		Means:  "another pipeline may use it: it would be dropped",
		Repair: fmt.Sprintf("name one in source.slot that is not there, such as %s; if nobody uses it: %s", had, dropSlot(o.options.Slot)),
	}
}

// mayTake returns a *replicator.Halt if the slot that was found, nil for none, is not ours.
// Where we make slots, one is ours only if an earlier daemon of the pipeline began to
// create it.
func (o *Origin) mayTake(found *slot, database string, resumed bool) error {
	switch {
	case found == nil:
		return nil
	case !found.ours(database):
		return o.strangeHalt(found)
	case !o.options.Create || resumed:
		return nil
	}
	return &replicator.Halt{
		Reason: replicator.SlotStrange,
		Found:  fmt.Sprintf("there is a slot %q already, and the warehouse remembers nothing of it", o.options.Slot),
		Means:  "another pipeline uses it, or the checkpoint was lost: whatever it has let go of would be missing",
		Repair: fmt.Sprintf("if another uses it, name another in source.slot; if nobody does: %s; if a DBA made it for this pipeline, set source.create to false", dropSlot(o.options.Slot)),
	}
}

// mayMake returns the *replicator.Halt that making the slot would end with: the slot that
// was found is not ours, or a DBA has to make it, or to make it again.
func (o *Origin) mayMake(found *slot, database string, resumed bool) error {
	if err := o.mayTake(found, database, resumed); err != nil {
		return err
	}
	if !o.options.Create && (found == nil || found.lost()) {
		return o.slotDueHalt(found)
	}
	return nil
}

// foreign returns a *replicator.Halt if there is a publication that differs from the config
// and is not ours to alter, or if a pipeline that has not begun has unfit tables. The
// publication of a pipeline that goes on may still have tables that are to be parked, or
// that the config no longer names: those are its own.
func (o *Origin) foreign(ctx context.Context, conn *session, s server, r replicator.CreateRequest) error {
	tables, faults, err := o.fit(ctx, conn, s)
	if err != nil {
		return err
	}
	p, err := readPublication(ctx, conn, s, o.options.Publication)
	if err != nil {
		return err
	}
	if faults != nil && (!r.Resumed || p == nil && len(tables) == 0) {
		return unfitTables(faults)
	}
	ours := r.Resumed && o.owns(p, tables, faults)
	if len(o.difference(p, tables)) == 0 || o.mayAlter(p, tables, ours) {
		return nil
	}
	if r.Resumed { // the tables that it publishes differently are parked
		_, err = o.leftAlone(ctx, conn, s, tables, nil, nil)
		return err
	}
	return o.publicationHalt(p, tables, nil)
}

// owns reports whether a publication has only tables that the config names, fit or not, or
// that are remembered.
func (o *Origin) owns(p *publication, tables []*schema.Table, faults error) bool {
	own := o.unfits(faults)
	for _, k := range o.known {
		own = append(own, replicator.Unfit{OID: k.OID, Name: k.Name})
	}
	return p != nil && len(p.others(tables, own)) == 0
}

// ensureSlot returns the slot. It makes the slot if it is missing, and makes it again if it
// is to be reset or is of no use any more.
func (o *Origin) ensureSlot(ctx context.Context, conn *session, s server, r replicator.CreateRequest) (*slot, error) {
	found, err := findSlot(ctx, conn, o.options.Slot)
	if err != nil {
		return nil, err
	}
	useless := found != nil && (r.Remake || r.Reset && o.options.Create || found.lost())
	if found != nil && !useless {
		return o.waitForSlot(ctx, conn, s.database)
	}
	if !o.options.Create {
		return nil, o.slotDueHalt(found)
	}
	still := func() error {
		if r.Still == nil {
			return nil
		}
		return r.Still(ctx)
	}
	if err := still(); err != nil {
		return nil, err
	}
	if found != nil && found.active && r.Reset {
		if err := o.endOurs(ctx, conn, found.activePID); err != nil {
			return nil, err
		}
	}
	if found != nil {
		if err := o.letGo(ctx, conn, still); err != nil {
			return nil, err
		}
	}
	if err := o.makeSlot(ctx, conn, s); err != nil {
		return nil, err
	}
	return o.waitForSlot(ctx, conn, s.database)
}

// SlotDue returns a *replicator.Halt if a reset would have to wait for a DBA to make the
// slot, or to make it again.
func (o *Origin) SlotDue(ctx context.Context) error {
	if o.options.Create {
		return nil
	}
	conn, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer shut(conn)
	found, err := findSlot(ctx, conn, o.options.Slot)
	if err != nil || found != nil && !found.lost() {
		return err
	}
	return o.slotDueHalt(found)
}

// slotDueHalt returns the Halt for a slot that a DBA has to make, or to make again.
func (o *Origin) slotDueHalt(found *slot) error {
	create := createSlot(o.options.Slot)
	if found == nil {
		return &replicator.Halt{
			Reason: replicator.SlotMissing,
			Found:  fmt.Sprintf("there is no slot %q, and source.create is false", o.options.Slot),
			Means:  "somebody else makes it for us",
			Repair: create,
		}
	}
	return &replicator.Halt{
		Reason: replicator.SlotLost,
		Found:  fmt.Sprintf("slot %q cannot decode the log, or was invalidated, and source.create is false", o.options.Slot),
		Means:  "it will never be of use; all tables are loaded once it is made anew, so that nothing is lost with it",
		Repair: dropSlot(o.options.Slot) + "; " + create,
	}
}
