package postgres

import "rowshift/replicator"

// expectation is what the warehouse remembers: nil, if that is nothing.
type expectation struct{ checkpoint *replicator.Checkpoint }

// Expect says what the warehouse remembers, nil if that is nothing. Check and Plan then
// tell what a run halts with for the slot, and know of the tables what Remember is told.
func (o *Origin) Expect(cp *replicator.Checkpoint) {
	o.expects = &expectation{cp}
	if cp != nil {
		o.Remember(cp.Known())
	}
}

// foreseeSlot returns the *replicator.Halt that a run comes to for the slot as it was
// found, nil for none, where what the warehouse remembers is of this source.
func (o *Origin) foreseeSlot(found *slot, database string) error {
	switch {
	case o.expects == nil:
		return nil
	case o.expects.checkpoint == nil:
		return o.mayTake(found, database, false)
	case o.expects.checkpoint.Phase != replicator.Streaming:
		return nil // a slot that is missing is made, and one that is of no use is made again
	}
	cp, now := *o.expects.checkpoint, replicator.Opened{Slot: o.options.Slot}
	if err := replicator.JudgeSlot(cp, now); err != nil {
		return err
	}
	if err := o.streamable(found, database); err != nil {
		return err
	}
	if !found.active { // whoever streams has let go of more since the checkpoint was read
		now.Confirmed = found.confirmed
	}
	return replicator.JudgeSlot(cp, now)
}

// anotherSource tells whether the source is another database than the one that is remembered.
// Its system identifier is empty where that was not asked for.
func (o *Origin) anotherSource(system, database string) bool {
	r := o.remembered
	return system != "" && r != nil && (system != r.System || database != r.Database)
}
