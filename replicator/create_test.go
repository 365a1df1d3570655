package replicator

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A slot that cannot decode is made again, only a few times in one pass. Nothing is remembered of
// such slots.
func TestASlotThatCannotDecodeIsMadeAgain(t *testing.T) {
	s := &undecodable{}
	s.cp = Checkpoint{Epoch: 1, Phase: Creating}
	o := options(s)
	_, err := (&daemon{Options: &o}).create(t.Context())
	if err == nil || Final(err) || len(s.asked) != remakes || s.cp.Phase != Creating {
		t.Errorf("%v after %d slots, in phase %s", err, len(s.asked), s.cp.Phase)
	}
	for i, r := range s.asked {
		if r.Resumed != (i > 0) || r.Remake != (i > 0) {
			t.Errorf("slot %d is asked for with %+v", i, r)
		}
	}
}

// undecodable is a source whose slots cannot decode.
type undecodable struct {
	flaky
	asked []CreateRequest
}

func (s *undecodable) Create(_ context.Context, r CreateRequest) (Created, error) {
	s.asked = append(s.asked, r)
	return Created{Start: 1, Proof: 2}, nil
}

func (s *undecodable) Open(context.Context, OpenRequest) (Source, Opened, error) {
	return s, Opened{}, nil
}

func (s *undecodable) Next(context.Context, time.Duration) (Change, error) {
	return Change{}, ErrUndecodable
}

// A slot of that name halts a daemon that finds nothing remembered, unless another daemon of the
// pipeline has begun by then, whose slot it may be.
func TestAStrangersSlot(t *testing.T) {
	for _, begun := range []bool{false, true} {
		s := &strange{begun: begun}
		o := options(s)
		err := (&daemon{Options: &o}).lookForStranger(t.Context())
		if h, halts := errors.AsType[*Halt](err); err == nil || halts == begun || halts && h.Reason != SlotStrange {
			t.Errorf("another daemon has begun: %v; it ends with %v", begun, err)
		}
	}
}

// strange is a source with a slot that nobody knows.
type strange struct {
	flaky
	begun bool
}

func (s *strange) Create(context.Context, CreateRequest) (Created, error) {
	return Created{}, &Halt{Reason: SlotStrange}
}

func (s *strange) Checkpoint(context.Context) (*Checkpoint, error) {
	if !s.begun {
		return nil, nil
	}
	return &s.cp, nil
}
