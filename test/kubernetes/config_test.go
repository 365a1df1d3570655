package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The real binary accepts the config of each form, and listens where the pod is probed.
// The hosts in it do not exist, so only the config is tested.
func TestTheBinaryTakesTheConfig(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		t.Parallel()
		daemon, _ := from.pods()
		code, stdout, stderr := local(t, from, daemon).run(t, "status", "--json")
		var status struct {
			DaemonURL string `json:"daemon_url"`
		}
		if err := json.Unmarshal([]byte(stdout), &status); code != 1 || err != nil {
			t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
		}
		c := container(t, daemon)
		want := fmt.Sprintf(":%d%s", c.Ports[0].ContainerPort, c.ReadinessProbe.HTTPGet.Path)
		if !strings.HasSuffix(status.DaemonURL, want) {
			t.Errorf("the daemon answers at %s, and is asked at %s", status.DaemonURL, want)
		}
	})
}

// With an unknown key, the pod ends with an exit code for which a Job is not tried again.
func TestTheBinaryRefusesAnUnknownKey(t *testing.T) {
	from := template(t, "-f", chart+"/ci/dev-values.yaml", "--set", "config.batch.rowz=1", "--set-string", "resetSlot.token=again")
	for _, template := range from.every() {
		p := local(t, from, template)
		if code, _, stderr := p.run(t, p.args...); code != 2 || !strings.Contains(stderr, "rowz") {
			t.Errorf("%q ends with %d\n%s", p.args, code, stderr)
		}
	}
}

// The command line of each Job is accepted. Its source does not exist, so it cannot be
// asked.
func TestTheBinaryTakesTheJobs(t *testing.T) {
	each(t, func(t *testing.T, from objects) {
		t.Parallel()
		_, jobs := from.pods()
		for _, template := range jobs {
			p := local(t, from, template)
			if code, stdout, stderr := p.run(t, p.args...); code != 1 || !strings.Contains(stdout+stderr, "db.internal") {
				t.Errorf("%q ends with %d\n%s%s", p.args, code, stdout, stderr)
			}
		}
	})
}

// Without its source, the daemon's container is live and not ready, and SIGTERM ends it
// well within the grace period.
func TestThePodLivesWithoutItsSource(t *testing.T) {
	from := kustomize(t, "overlays/production")
	template, _ := from.pods()
	p := local(t, from, template)
	address := free(t)
	file, err := os.OpenFile(p.config, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(file, "listen: %q\n", address)
		_ = file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, p.binary, p.args...)
	c.Env = p.env
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	asked := container(t, template)
	ask := func(path string) (int, string) {
		r, err := http.Get((&url.URL{Scheme: "http", Host: address, Path: path}).String())
		if err != nil {
			return 0, err.Error()
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(body)
	}
	code, body := 0, ""
	for tick := time.Tick(20 * time.Millisecond); !strings.Contains(body, `"restarting"`) && ctx.Err() == nil; <-tick {
		code, body = ask(asked.ReadinessProbe.HTTPGet.Path)
	}
	if code != http.StatusServiceUnavailable {
		t.Errorf("readiness answers %d: %s", code, body)
	}
	if code, body := ask(asked.LivenessProbe.HTTPGet.Path); code != http.StatusOK {
		t.Errorf("liveness answers %d: %s", code, body)
	}
	if code, body := ask("/metrics"); code != http.StatusOK || !strings.Contains(body, "rowshift_state") {
		t.Errorf("a scrape is answered with %d", code)
	}
	told := time.Now()
	_ = c.Process.Signal(syscall.SIGTERM)
	if err := c.Wait(); err != nil {
		t.Errorf("the pod ended with %v\n%s", err, log.Bytes())
	}
	if took := time.Since(told); took > time.Duration(*template.Spec.TerminationGracePeriodSeconds)*time.Second/2 {
		t.Errorf("the end took %v", took)
	}
	for _, password := range []string{sourcePassword, warehousePassword} {
		if strings.Contains(log.String(), password) {
			t.Errorf("the log has the password %q\n%s", password, log.Bytes())
		}
	}
}

// free returns an address of this machine on which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
