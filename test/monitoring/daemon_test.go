package monitoring

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/pgtest"
)

// TestPrometheus has a real Prometheus scrape a daemon under load and its standby. Each
// expression of the rules and of the dashboard must have an answer, no alert may fire,
// and the metrics must show which of the two has the slot, before and after the standby
// takes over.
func TestPrometheus(t *testing.T) {
	w := harness.Start(t, harness.Setup{
		Source:   pgtest.Options{Settings: map[string]string{"max_slot_wal_keep_size": "10GB"}},
		Accounts: harness.Accounts{Companies: 50, Persons: 200, Memberships: 200},
	})
	load := w.Load(harness.Workload{Seed: 5, Writers: 1, Pause: 5 * time.Millisecond})
	first := w.MustRun(t)
	at := []string{w.Listen(), freeAddress(t)}
	first.MustSee(t, `"message":"streaming"`)
	if err := w.SetConfig(func(c *harness.Config) { c.Listen = at[1] }); err != nil {
		t.Fatal(err)
	}
	second := w.MustRun(t)
	p := startPrometheus(t, at...)
	second.MustSee(t, `"message":"waiting"`)

	for what, expr := range expressions(t) {
		harness.Until(t, what+" to have an answer: "+expr, func() (bool, error) {
			found, err := p.numbers(t.Context(), expr)
			return len(found) > 0, err
		})
	}
	p.leads(t, at[0])
	if firing, err := p.query(t.Context(), `ALERTS{alertstate="firing"}`); err != nil || len(firing) > 0 {
		t.Errorf("all is well, and this fires: %v, %v", firing, err)
	}
	for _, address := range at {
		wellFormed(t, address)
	}

	first.Kill()
	second.MustSee(t, `"message":"streaming"`)
	p.leads(t, at[1])
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
}

// leads waits until only the daemon at address reports a lag, while all daemons report
// the slot.
func (p prometheus) leads(t *testing.T, address string) {
	t.Helper()
	for _, name := range []string{"rowshift_lag_seconds", "rowshift_lag_bytes", "rowshift_changes_waiting", `rowshift_lsn{stage="merged"}`} {
		harness.Until(t, address+" alone to tell "+name, func() (bool, error) {
			found, err := p.query(t.Context(), name)
			return len(found) == 1 && found[0].Labels["instance"] == address, err
		})
	}
	harness.Until(t, "each daemon to tell of the slot, and nobody else", func() (bool, error) {
		there, err := p.query(t.Context(), "up == 1")
		if err != nil {
			return false, err
		}
		slot, err := p.query(t.Context(), "rowshift_source_lsn and rowshift_slot_active == 1")
		return len(slot) == len(there), err
	})
}

// wellFormed has promtool check a page of a running daemon, and checks that the page of
// all metrics lists everything on it.
func wellFormed(t *testing.T, address string) {
	t.Helper()
	answer, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if said := promtool(t, string(body), "check", "metrics"); said != "" {
		t.Errorf("promtool says of %s: %s", address, said)
	}
	for line := range strings.Lines(string(body)) {
		name, _, _ := strings.Cut(line, "{")
		if strings.HasPrefix(name, "rowshift_") {
			listed(t, address, name)
		}
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, `pipeline="accounts"`) {
			t.Errorf("%s: no pipeline in %s", address, line)
		}
	}
}

// expressions returns the expressions of the rules and of the dashboard, by their place.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, r := range allRules(t) {
		if r.Record != "" {
			all["the rule "+r.Record] = r.Record
			all["the expression of "+r.Record] = r.Expr
		} else {
			all["the alert "+r.Alert] = answered(r.Expr)
		}
	}
	var b board
	read(t, dashboard, &b)
	fill := strings.NewReplacer("$__rate_interval", "5s", "$pipeline", "acc.*", "$instance", ".*")
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			all["the panel "+p.Title+" "+target.RefID] = fill.Replace(target.Expr)
		}
	}
	return all
}

var (
	selector   = regexp.MustCompile(`\{[^}]*\}`)
	comparison = regexp.MustCompile(`==|!=|<=|>=|<|>`)
)

// answered rewrites an alert's expression so that it has an answer if each of its parts
// has one, whatever the thresholds. Comparisons return 0 or 1, series whose absence
// makes the alert fire have to be there, and an offset of an hour is dropped, since the
// test's Prometheus is younger than that.
func answered(expr string) string {
	var b strings.Builder
	rest := expr
	for {
		at := selector.FindStringIndex(rest)
		if at == nil {
			break
		}
		b.WriteString(always(rest[:at[0]]) + rest[at[0]:at[1]])
		rest = rest[at[1]:]
	}
	return b.String() + always(rest)
}

func always(part string) string {
	part = comparison.ReplaceAllString(part, "$0 bool")
	return strings.NewReplacer(" unless ", " and ", " or ", " and on () ", " offset 1h", "", "absent(", "group(").Replace(part)
}
