package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"
)

// TestPoll has the source let nobody look at the slot, for a moment and for long: what lasts
// is told once, and so is its end.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		began := time.Now()
		d := &daemon{state: newState(began), log: newLogger(zapcore.AddSync(&b), zapcore.InfoLevel, false)}
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Minute)
		defer stop()
		d.poll(ctx, func(context.Context) (slotSighting, error) {
			at := time.Since(began)
			if at > time.Minute && at < 2*time.Minute || at > 5*time.Minute && at < 15*time.Minute {
				return slotSighting{}, errors.New("too many connections")
			}
			return slotSighting{at: time.Now(), exists: true}, nil
		})
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], `"level":"warn"`) || !strings.Contains(lines[0], "too many connections") ||
			!strings.Contains(lines[1], `"message":"the slot is looked at again","after":600`) {
			t.Errorf("the log is\n%s", b.String())
		}
	})
}
