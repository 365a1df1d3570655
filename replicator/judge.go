package replicator

import "fmt"

// judge returns a halt unless the source, as it was opened, is the one that the checkpoint
// is of, and its slot still holds all that the warehouse lacks. A slot is never trusted by
// its name: if it was made anew or advanced, PostgreSQL starts it at its own position
// without a word.
func judge(cp Checkpoint, o Opened) error {
	return firstOf(cp, o, sameSource, sameSlot, notBehind, slotHolds)
}

// judgeEarly makes those checks of judge that hold for an old checkpoint as well: the wait
// for the slot comes after the checkpoint was read. It tells, before anything there is
// touched, whether this is the right source at all.
func judgeEarly(cp Checkpoint, o Opened) error {
	return firstOf(cp, o, sameSource, sameSlot, notBehind)
}

// JudgeSlot makes those checks of judge that are about the slot alone: its name and, unless
// that is 0, its confirmed position.
func JudgeSlot(cp Checkpoint, o Opened) error { return firstOf(cp, o, sameSlot, slotHolds) }

func firstOf(cp Checkpoint, o Opened, checks ...func(Checkpoint, Opened) *Halt) error {
	for _, check := range checks {
		if h := check(cp, o); h != nil {
			return h
		}
	}
	return nil
}

const resetSlot = "make sure that the config names the right source; to load all tables again from this one: rowshift run --reset-slot=TOKEN, with a TOKEN of your own that was not used before"

// AnotherSource is the repair if the source is another database than the one whose tables
// are known.
const AnotherSource = resetSlot + ". It goes by the names that the config has: write there what tables and columns are called now, those too that were renamed and followed without it, and to a table that gets another name there target: with the target of before"

func sameSource(cp Checkpoint, o Opened) *Halt {
	switch {
	case cp.System != o.System:
		return &Halt{
			Reason: SourceChanged,
			Found:  fmt.Sprintf("the source has system identifier %s, the checkpoint is of %s", o.System, cp.System),
			Means:  "this is another cluster, or one that was restored from a dump; its positions have nothing to do with ours",
			Repair: AnotherSource,
		}
	case cp.Database != o.Database:
		return &Halt{
			Reason: SourceChanged,
			Found:  fmt.Sprintf("the source database is %q, the checkpoint is of %q", o.Database, cp.Database),
			Means:  "a slot belongs to one database",
			Repair: AnotherSource,
		}
	}
	return nil
}

func sameSlot(cp Checkpoint, o Opened) *Halt {
	if cp.Slot == o.Slot {
		return nil
	}
	return &Halt{
		Reason: SlotStrange,
		Found:  fmt.Sprintf("the config names slot %q, the checkpoint is of %q", o.Slot, cp.Slot),
		Means:  "another slot holds another part of the log",
		Repair: fmt.Sprintf("set source.slot to %s again", cp.Slot),
	}
}

func notBehind(cp Checkpoint, o Opened) *Halt {
	switch {
	case o.Fork != 0 && cp.LSN > o.Fork:
		return &Halt{
			Reason: SourceBehind,
			Found: fmt.Sprintf("the source left timeline %d at %v, the warehouse holds its log up to %v",
				cp.Timeline, o.Fork, cp.LSN),
			Means:  "a standby was promoted that lacked what we have applied: the warehouse holds rows that the source has lost",
			Repair: resetSlot,
		}
	case cp.LSN > o.Flushed:
		return &Halt{
			Reason: SourceBehind,
			Found:  fmt.Sprintf("the source's log ends at %v, the warehouse holds it up to %v", o.Flushed, cp.LSN),
			Means:  "the source was restored to an earlier state: the warehouse holds rows that it has lost",
			Repair: resetSlot,
		}
	}
	return nil
}

func slotHolds(cp Checkpoint, o Opened) *Halt {
	if o.Confirmed <= cp.LSN {
		return nil
	}
	return &Halt{
		Reason: SlotAhead,
		Found:  fmt.Sprintf("slot %q begins at %v, the warehouse holds the log up to %v", o.Slot, o.Confirmed, cp.LSN),
		Means:  "the slot was made anew or advanced by someone: what lies between is lost to us",
		Repair: resetSlot,
	}
}

// onTimeline returns o as it is to a checkpoint on timeline now, where the opening asked at which
// position the server had left timeline was. The two differ if another daemon followed a
// failover while this one waited for the slot. If the server is on timeline now, it has not
// left it; otherwise nobody asked where it did, which is an error.
func (o Opened) onTimeline(now, was int32) (Opened, error) {
	switch now {
	case was:
	case o.Timeline:
		o.Fork = 0
	default:
		return o, fmt.Errorf("replicator: the pipeline went from timeline %d to %d while the source was opened", was, now)
	}
	return o, nil
}

// lost reports whether the source no longer has what its log had up to a position, because
// a standby was promoted that lacked it, or the server was restored. What o does not know,
// as in a look ahead, is 0 and speaks against nothing. A load's snapshot may be past the
// checkpoint, so it can have seen something that is lost though the checkpoint has not.
func (o Opened) lost(at LSN) bool {
	return o.Fork != 0 && at > o.Fork || o.Flushed != 0 && at > o.Flushed
}
