package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// closed returns an address of this machine where nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// unreachable writes a config whose databases and bucket do not answer.
func unreachable(t *testing.T) (path, listen string) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", canary)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	listen = closed(t)
	text := strings.NewReplacer(
		"postgres://rowshift@db.internal/app", "postgres://rowshift@"+closed(t)+"/app\n  tls: disable",
		"postgres://loader@dw.internal:5439/dw", "postgres://loader@"+closed(t)+"/dw\n  tls: disable",
		"region: eu-west-1", "region: eu-west-1\n  endpoint: http://"+closed(t),
		"listen: :9187", "listen: "+listen,
	).Replace(goodConfig)
	return writeConfig(t, text), listen
}

func TestWhatCannotBeAskedIsTold(t *testing.T) {
	path, _ := unreachable(t)
	code, stdout, stderr := rowshift(t, "check", "--config", path)
	for _, room := range []string{"source", "bucket", "warehouse"} {
		if !regexp.MustCompile("(?m)^(fail|error) +" + room + ": .*connection refused").MatchString(stdout) {
			t.Errorf("check does not say that the %s cannot be reached:\n%s", room, stdout)
		}
	}
	if code != 1 || stderr != "" {
		t.Errorf("check: exit code %d, stderr %q", code, stderr)
	}
	code, stdout, stderr = rowshift(t, "plan", "--config", path)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "rowshift: the warehouse cannot be asked: ") || !strings.Contains(stderr, "make sure that warehouse.dsn") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("plan: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	code, stdout, _ = rowshift(t, "status", "--config", path)
	if code != 1 || !strings.Contains(stdout, "the warehouse could not be asked") || !strings.Contains(stdout, "the slot could not be looked at") {
		t.Errorf("status: exit code %d, stdout %q", code, stdout)
	}
	code, stdout, _ = rowshift(t, "status", "--json", "--config", path)
	var report statusReport
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 1 || len(report.Problems) != 2 {
		t.Errorf("status --json: exit code %d, %v: %s", code, err, stdout)
	}
}

// TestRunLivesThroughAnOutage runs the daemon while nothing answers: it stays up, says
// that it is not ready, and ends normally when told to.
func TestRunLivesThroughAnOutage(t *testing.T) {
	path, listen := unreachable(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"run", "--config", path}, &out, &errs) }()

	deadline := time.Now().Add(20 * time.Second)
	for {
		answer, err := askDaemon(ctx, "http://"+listen+"/readyz")
		if err == nil && answer.State == restarting && !answer.Ready && answer.Why != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz says %+v, %v", answer, err)
		}
		select {
		case code := <-ended:
			t.Fatalf("it ended with %d: %s", code, &errs)
		case <-time.After(10 * time.Millisecond):
		}
	}
	response, err := http.Get("http://" + listen + "/healthz")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %v, %v", response, err)
	} else {
		response.Body.Close()
	}
	stop()
	select {
	case code := <-ended:
		if code != 0 || out.Len() != 0 || strings.Contains(errs.String(), canary) || !strings.Contains(errs.String(), `"restarting"`) {
			t.Errorf("exit code %d, stdout %q, stderr\n%s", code, &out, &errs)
		}
		if draining, drained := strings.Index(errs.String(), `"draining"`), strings.Index(errs.String(), `"drained"`); draining < 0 || drained < draining {
			t.Errorf("draining is logged at %d, drained at %d", draining, drained)
		}
		if strings.Contains(errs.String(), `"lsn"`) {
			t.Errorf("a position is logged, and none was known\n%s", &errs)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestRunNeedsItsAddress(t *testing.T) {
	path, listen := unreachable(t)
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code, _, stderr := rowshift(t, "run", "--config", path)
	if code != 1 || !strings.Contains(stderr, "address already in use; set listen to another address") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
