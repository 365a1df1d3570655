package replicator

import (
	"errors"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	cp := Checkpoint{LSN: 100, System: "7", Timeline: 1, Database: "app", Slot: "s"}
	good := Opened{System: "7", Timeline: 1, Database: "app", Slot: "s", Confirmed: 100, Flushed: 100}
	tests := []struct {
		name   string
		change func(*Opened)
		want   Reason
	}{
		{"as it was", func(*Opened) {}, ""},
		{"behind the checkpoint, as after a crash of the server", func(o *Opened) { o.Confirmed = 60 }, ""},
		{"on a new timeline that forked behind us", func(o *Opened) { o.Timeline, o.Fork = 2, 100 }, ""},
		{"another cluster", func(o *Opened) { o.System = "8" }, SourceChanged},
		{"another database", func(o *Opened) { o.Database = "app2" }, SourceChanged},
		{"another slot", func(o *Opened) { o.Slot = "t" }, SlotStrange},
		{"a slot made anew", func(o *Opened) { o.Confirmed = 101 }, SlotAhead},
		{"restored to an earlier state", func(o *Opened) { o.Flushed = 99 }, SourceBehind},
		{"a standby that lacked what we applied", func(o *Opened) { o.Timeline, o.Fork, o.Flushed = 2, 99, 500 }, SourceBehind},
	}
	for _, test := range tests {
		o := good
		test.change(&o)
		err := judge(cp, o)
		h, halts := errors.AsType[*Halt](err)
		if halts != (test.want != "") || halts && h.Reason != test.want {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if halts && (h.Found == "" || h.Means == "" || h.Repair == "" || !Final(err) || Retryable(err)) {
			t.Errorf("%s: %v does not say all that an operator needs", test.name, err)
		}
	}
}

// TestASnapshotOfWhatIsLost shows that a load begins anew if its snapshot saw what a
// failover or a restore has lost, even if the checkpoint is from before that. Its load
// table has rows of transactions that never were, and lacks those of new ones that got
// their ids.
func TestASnapshotOfWhatIsLost(t *testing.T) {
	table := oneColumn(1, "t")
	for _, test := range []struct {
		name          string
		fork, flushed LSN
		keeps         bool
	}{
		{"nothing is lost", 0, 100, true},
		{"a standby that had all that the snapshot saw", 100, 500, true},
		{"a standby that lacked some of it", 99, 500, false},
		{"restored to an earlier state", 0, 99, false},
		{"a look ahead, that knows nothing of the log", 0, 0, true},
	} {
		cp := Checkpoint{LSN: 60, Tables: []TableState{{
			OID: 1, Target: "t", State: Loading, Shape: table.Shape(), Load: &LoadState{Into: "load_1", Held: "held_1", Loaded: true, HandOver: 100},
		}}}
		o := Opened{Fork: test.fork, Flushed: test.flushed, Tables: []Published{{Table: table}}}
		if h := notBehind(cp, o); o.Flushed != 0 && h != nil {
			t.Errorf("%s: %v", test.name, h)
		}
		f := Foresee(&cp, o)
		if s, _ := f.Of(1); s.State != Loading || (s.Load != nil) != test.keeps || (s.Why == "") != test.keeps {
			t.Errorf("%s: it is %+v", test.name, s)
		}
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{Min: time.Second, Max: time.Minute}
	for n, most := range map[int]time.Duration{0: time.Second, 3: 8 * time.Second, 6: time.Minute, 40: time.Minute, 1000: time.Minute} {
		for range 100 {
			if d := b.wait(n); d <= 0 || d > most {
				t.Fatalf("try %d waits %v, at most %v", n, d, most)
			}
		}
	}
	slow := Backoff{Min: time.Hour, Max: 24 * time.Hour} // an hour doubled 22 times is more than a Duration holds
	for n := range 100 {
		if d := slow.wait(n); d <= 0 || d > slow.Max {
			t.Fatalf("try %d waits %v, at most %v", n, d, slow.Max)
		}
	}
}
