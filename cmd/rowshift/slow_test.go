package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silent returns an address of this machine that accepts connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	return listening(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) // until the client gives up
}

// asked runs a command, and returns its output and how it ends. Its warehouse is silent, the
// source and the daemon refuse connections, and the bucket denies access.
func asked(t *testing.T, run func(context.Context, *outside) error) ([]string, error) {
	t.Helper()
	denies := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(denies.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", canary)
	path := writeConfig(t, strings.NewReplacer(
		"postgres://rowshift@db.internal/app", "postgres://rowshift@"+closed(t)+"/app\n  tls: disable",
		"postgres://loader@dw.internal:5439/dw", "postgres://loader@"+silent(t)+"/dw\n  tls: disable",
		"region: eu-west-1", "region: eu-west-1\n  endpoint: "+denies.URL,
		"listen: :9187", "listen: "+closed(t),
	).Replace(goodConfig))
	var b bytes.Buffer
	err := run(t.Context(), &outside{config: path, stdout: &b, stderr: io.Discard, patience: time.Second})
	return strings.Split(strings.TrimSpace(b.String()), "\n"), err
}

// answers is asked, of a command that prints all that is wrong.
func answers(t *testing.T, run func(context.Context, *outside) error) []string {
	t.Helper()
	lines, err := asked(t, run)
	if !errors.Is(err, errTold) {
		t.Errorf("it ends with %v", err)
	}
	return lines
}

// late reports whether a line says that an answer did not come in time.
func late(line string) bool {
	return strings.Contains(line, "deadline") || strings.Contains(line, "timeout") || strings.Contains(line, "in time")
}

// status and check blame the silent warehouse, and nothing else.
func TestASlowWarehouseIsBlamedAlone(t *testing.T) {
	blamed := 0
	for _, line := range answers(t, statusCommand{}.Run) {
		switch {
		case strings.HasPrefix(line, "the warehouse could not be asked"):
			if blamed++; !late(line) {
				t.Errorf("status: %s", line)
			}
		case late(line), strings.HasPrefix(line, "the slot") && !strings.Contains(line, "refused"), strings.HasPrefix(line, "daemon") && !strings.HasSuffix(line, "connection refused"):
			t.Errorf("status: %s", line)
		}
	}
	var order []string
	for _, line := range answers(t, checkCommand{}.Run) {
		for _, part := range []string{"source", "bucket", "warehouse"} {
			if strings.Contains(line, " "+part+": ") {
				order = append(order, part)
			}
		}
		if ofWarehouse := strings.Contains(line, " warehouse: "); late(line) != ofWarehouse {
			t.Errorf("check: %s", line)
		} else if ofWarehouse {
			blamed++
		}
	}
	if blamed != 2 || strings.Join(order, " ") != "source bucket bucket bucket warehouse" {
		t.Errorf("it is blamed %d times, check tells of %v", blamed, order)
	}
}

// plan, which needs both databases, blames the silent warehouse rather than the source.
func TestPlanBlamesASlowWarehouse(t *testing.T) {
	if lines, err := asked(t, planCommand{}.Run); err == nil || !strings.HasPrefix(err.Error(), "the warehouse cannot be asked: ") {
		t.Errorf("%v after %q", err, lines)
	}
}

// Parts that are asked side by side take no time from each other, and report in their
// order.
func TestPartsAreAskedSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var told []string
		part := func(name string, takes time.Duration) func(context.Context) func() {
			return func(ctx context.Context) func() {
				timer := time.NewTimer(takes)
				defer timer.Stop()
				select {
				case <-timer.C:
				case <-ctx.Done():
					name += " is late"
				}
				return func() { told = append(told, name) }
			}
		}
		sideBySide(t.Context(), time.Minute, part("one", time.Hour), part("two", 59*time.Second), part("three", 0))
		if got := strings.Join(told, ", "); got != "one is late, two, three" || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %s", time.Since(begun), got)
		}
	})
}
