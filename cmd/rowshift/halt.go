package main

import (
	"slices"

	"rowshift/replicator"
)

// lastHalt is the halt that the last look at everything ended with. That the stream could be
// opened again says little of one that was found later: a value that fits nowhere is found
// again by a load that may take an hour. So the halt is told until something shows that it is
// over. Each method takes in what happened, and returns nil once it is; a nil halt stays nil.
type lastHalt struct {
	*replicator.Halt
	late             bool           // it was found once the stream was open
	first            bool           // it was found before anything was received or loaded, as targets are altered
	received, merged replicator.LSN // how far the pass had come
	tables           bool           // how the tables stand was told since the stream was opened again
}

// newHalt returns h as it is found at those positions, begun once something was received or
// loaded. was is the halt of the look before.
func newHalt(h *replicator.Halt, was *lastHalt, late, begun bool, at positions) *lastHalt {
	found := &lastHalt{Halt: h, late: late, first: late && !begun, received: at.received, merged: at.merged}
	if was != nil && was.Reason == h.Reason {
		found.received = max(found.received, was.received)
	}
	return found
}

// ofSource are the reasons that are found in the source, or by reading its log.
var ofSource = []replicator.Reason{
	replicator.SlotMissing, replicator.SlotLost, replicator.SlotAhead, replicator.SlotStrange,
	replicator.SourceChanged, replicator.SourceBehind, replicator.SourceInRecovery, replicator.SourceUnfit,
	replicator.PublicationMissing, replicator.PublicationDiffers,
}

// opened takes in that the stream is open, which is as far as an early halt did not let it
// come. A late one is over if another daemon has had the slot meanwhile and got on.
func (h *lastHalt) opened(cp replicator.Checkpoint) *lastHalt {
	if h == nil || !h.late || cp.LSN > h.merged && !loads(cp) {
		return nil
	}
	h.tables = false
	return h
}

// receives takes in how far the stream is received. Nothing is before targets are altered.
func (h *lastHalt) receives(at replicator.LSN) *lastHalt {
	if h == nil || h.first || h.Reason == replicator.AlterationDue || slices.Contains(ofSource, h.Reason) && at > h.received {
		return nil
	}
	return h
}

// remembers takes in how the tables stand, as it is told when the stream is opened, and once
// more when that is written to the warehouse: what a target lacked it has by then.
func (h *lastHalt) remembers() *lastHalt {
	if h == nil || h.Reason == replicator.AlterationDue && h.tables {
		return nil
	}
	h.tables = true
	return h
}

// loaded takes in that a table is loaded: the bucket and the warehouse have taken its rows.
func (h *lastHalt) loaded() *lastHalt {
	if h == nil || h.ofRights() {
		return nil
	}
	return h
}

// merges takes in a merge. It shows that a misfit is over if it has come as far as the stream
// was received. While tables load only their joining does, for the stream goes on beside a
// load that fails time after time.
func (h *lastHalt) merges(b replicator.MergedBatch) *lastHalt {
	if h == nil {
		return nil
	}
	cp := b.Merge.Checkpoint
	for _, s := range b.Merge.Staged {
		if len(s.Joins) > 0 || s.Changes > 0 && h.ofRights() || cp.LSN >= h.received && !loads(cp) {
			return nil
		}
	}
	return h
}

// ofRights tells whether the halt is about what the bucket or the warehouse refuses to
// whoever asks, whichever rows they are.
func (h *lastHalt) ofRights() bool {
	return h.Reason == replicator.BucketUnfit || h.Reason == replicator.WarehouseUnfit
}

// loads tells whether tables load.
func loads(cp replicator.Checkpoint) bool {
	return slices.ContainsFunc(cp.Tables, func(t replicator.TableState) bool { return t.State == replicator.Loading })
}
