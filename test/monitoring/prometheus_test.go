package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rowshift/test/freeport"
)

// prometheus is a running Prometheus server.
type prometheus struct{ address string }

// startPrometheus starts a Prometheus that scrapes the targets and evaluates the rules
// until the end of the test.
func startPrometheus(t *testing.T, targets ...string) prometheus {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(rules)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yaml")
	text := fmt.Sprintf(`global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}
rule_files: [%q]
scrape_configs:
  - job_name: rowshift
    static_configs: [{targets: ["%s"]}]
`, absolute, strings.Join(targets, `", "`))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := prometheus{address: freeAddress(t)}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	c := exec.CommandContext(ctx, filepath.Join(bin, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "series"),
		"--web.listen-address="+p.address, "--log.level=warn")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = c.Wait() // it was killed
		if t.Failed() {
			t.Logf("prometheus: %s", said.String())
		}
	})
	return p
}

// freeAddress returns a loopback address on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// sample is one series of an answer.
type sample struct {
	Labels map[string]string `json:"metric"`
	Point  [2]any            `json:"value"`
}

// value returns the sample's value, NaN if there is none.
func (s sample) value() float64 {
	text, _ := s.Point[1].(string)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// query evaluates an expression at the current time.
func (p prometheus) query(ctx context.Context, expr string) ([]sample, error) {
	address := "http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(expr)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var a struct {
		Status, Error string
		Data          struct{ Result []sample }
	}
	if err := json.NewDecoder(answer.Body).Decode(&a); err != nil {
		return nil, err
	}
	if a.Status != "success" {
		return nil, fmt.Errorf("%s: %s", expr, a.Error)
	}
	return a.Data.Result, nil
}

// numbers evaluates an expression and returns the samples that are not NaN.
func (p prometheus) numbers(ctx context.Context, expr string) (known []sample, err error) {
	all, err := p.query(ctx, expr)
	for _, s := range all {
		if !math.IsNaN(s.value()) {
			known = append(known, s)
		}
	}
	return known, err
}
