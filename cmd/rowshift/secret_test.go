package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// TestSecretsPrintAsNothing prints secrets in every possible way, also within other
// values.
func TestSecretsPrintAsNothing(t *testing.T) {
	c := load(t, strings.ReplaceAll(goodConfig, "${ROWSHIFT_TEST_PASSWORD}", "prefix-"+canary+"${ROWSHIFT_TEST_PASSWORD}"))
	s := c.source.password
	if text, err := s.read(); err != nil || text != "prefix-"+canary+canary {
		t.Fatalf("the secret is %q, %v", text, err)
	}
	var log bytes.Buffer
	z := newLogger(zapcore.AddSync(&log), zapcore.DebugLevel, false)
	z.Info("x", zap.Any("any", s), zap.Stringer("stringer", s), zap.Reflect("reflect", s), zap.Any("in", struct{ S secret }{s}))
	encoded, err := json.Marshal(map[string]any{"s": s, "p": &s, "in": struct{ S secret }{s}})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{log.String(), string(encoded), c.source.database.String(), fmt.Sprint(c.source.database)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, []secret{s}), fmt.Sprintf(verb, struct{ S secret }{s}))
	}
	for _, text := range texts {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) || strings.Contains(text, "ROWSHIFT_TEST_PASSWORD") {
			t.Errorf("a secret is shown: %s", text)
		}
	}
	if !strings.Contains(string(encoded), redacted) {
		t.Errorf("nothing says that there is a secret: %s", encoded)
	}
}
