package replicator_test

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/replicator"
)

// overtaken is an Origin whose slot another daemon resets while it is first opened.
type overtaken struct {
	*node
	opened bool
}

func (o *overtaken) Open(ctx context.Context, r replicator.OpenRequest) (replicator.Source, replicator.Opened, error) {
	if !o.opened {
		o.opened = true
		o.world.mu.Lock()
		cp := o.warehouse.checkpoint
		cp.Epoch, cp.Phase, o.source.slot = cp.Epoch+1, replicator.Creating, nil
		for i := range cp.Tables {
			cp.Tables[i].State = replicator.Loading
		}
		o.warehouse.resets["by another"] = "taken"
		o.world.mu.Unlock()
	}
	return o.node.Open(ctx, r)
}

// A standby that finds no slot while another daemon makes it anew does not halt: it
// looks again soon, and does its part.
func TestAStandbyDoesNotHaltWhileTheSlotIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 0, noBug, &tally{n: map[string]int{}})
		first := w.begin(t.Context())
		time.Sleep(time.Minute)
		first.stop()
		<-first.done

		n := &node{world: w}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- replicator.Run(ctx, replicator.Options{
				Pipeline: "p", Origin: &overtaken{node: n}, Stager: n, Sweeper: n, Warehouse: n, Loader: loader{n},
				Listener: replicator.Listener{Halted: func(h *replicator.Halt) { t.Errorf("halted: %v", h) }},
			})
		}()
		time.Sleep(time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.settled(1)
	})
}

// renamed is an Origin whose config names another slot than the pipeline has.
type renamed struct {
	*node
	had   string
	known replicator.Known
}

func (r *renamed) Create(ctx context.Context, c replicator.CreateRequest) (replicator.Created, error) {
	if c.Look && c.Slot != "" {
		r.had, r.known = c.Slot, c.Known
		return replicator.Created{}, &replicator.Halt{Reason: replicator.SlotStrange}
	}
	return r.node.Create(ctx, c)
}

// A reset that would leave the pipeline's slot for another one halts before anything is
// forgotten.
func TestAResetLeavesNoSlotBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 0, noBug, &tally{n: map[string]int{}})
		first := w.begin(t.Context())
		time.Sleep(time.Minute)
		first.stop()
		<-first.done
		was := w.warehouse.checkpoint.Clone()

		n := &node{world: w}
		origin := &renamed{node: n}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		halts := 0
		var remembered replicator.Checkpoint
		go func() {
			done <- replicator.Run(ctx, replicator.Options{
				Pipeline: "p", Origin: origin, Stager: n, Sweeper: n, Warehouse: n, Loader: loader{n}, ResetSlot: "t",
				Listener: replicator.Listener{
					Halted:     func(*replicator.Halt) { halts++ },
					Remembered: func(c replicator.Checkpoint) { remembered = c },
				},
			})
		}()
		time.Sleep(time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(was.Tables) == 0 || !reflect.DeepEqual(origin.known, was.Known()) {
			t.Errorf("the look was told of tables %+v", origin.known)
		}
		if remembered.Slot != was.Slot || remembered.Phase != replicator.Streaming {
			t.Errorf("before it halts it tells of a checkpoint %+v", remembered)
		}
		if now := w.warehouse.checkpoint; halts == 0 || origin.had != was.Slot || now.Epoch != was.Epoch || now.Phase != replicator.Streaming {
			t.Errorf("%d halts, after slot %q; the checkpoint is %+v", halts, origin.had, now)
		}
	})
}
