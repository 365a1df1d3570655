package refusal

import (
	"testing"
	"time"
)

func TestSpell(t *testing.T) {
	var s Spell
	now := time.Now()
	for _, step := range []struct {
		what  string
		after time.Duration
		lasts bool
	}{
		{"the first", 0, false},
		{"of half a minute", 30 * time.Second, false},
		{"of a minute", 30 * time.Second, true},
		{"between the looks of a halted pipeline", 5 * time.Minute, true},
		{"long after the last", 16 * time.Minute, false},
		{"a minute after that", time.Minute, true},
	} {
		now = now.Add(step.after)
		if s.Extend(now, time.Minute) != step.lasts {
			t.Errorf("the refusal %s: lasts is %v", step.what, !step.lasts)
		}
	}
	s.End()
	if s.Extend(now.Add(time.Minute), time.Minute) {
		t.Error("a spell that has ended lasts")
	}
}
