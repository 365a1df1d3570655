package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	metricsPage  = "../../deploy/prometheus/README.md"
	metricsBegin = "<!-- go test ./cmd/rowshift -run TestMetricsPage -update -->\n"
	metricsEnd   = "<!-- end -->\n"
)

// TestMetricsPage keeps the page that lists the metrics equal to what a scrape shows.
func TestMetricsPage(t *testing.T) {
	r, _, _ := world(t)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	table := "| metric | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n"
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, "rowshift_") {
			continue
		}
		values := map[string][]string{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				values[l.GetName()] = append(values[l.GetName()], l.GetValue())
			}
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), unitOf(name), labelled(values), f.GetHelp())
	}
	for _, name := range described(gauges{}) {
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("%s is described, and in no scrape of a day on which everything happens", name)
		}
	}
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), metricsBegin)
	has, after, ends := strings.Cut(rest, metricsEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the metrics", metricsPage)
	}
	if has == table {
		return
	}
	if !*update {
		t.Fatalf("%s lists\n%s\nthe registry has\n%s\ngo test ./cmd/rowshift -run TestMetricsPage -update writes it anew", metricsPage, has, table)
	}
	if err := os.WriteFile(metricsPage, []byte(before+metricsBegin+table+metricsEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unitOf returns the unit in a metric's name.
func unitOf(name string) string {
	for _, u := range []struct{ suffix, unit string }{
		{"_timestamp_seconds", "s, Unix time"},
		{"_seconds", "s"},
		{"_bytes", "bytes"},
		{"_bytes_estimated", "bytes"},
		{"_lsn", "bytes"},
		{"_rows", "rows"},
		{"_rows_total", "rows"},
		{"_adjustments_total", "values"},
		{"_rows_estimated", "rows"},
		{"_tables", "tables"},
		{"_resyncs_waiting", "tables"},
		{"_changes_waiting", "changes"},
	} {
		if strings.HasSuffix(name, u.suffix) {
			return u.unit
		}
	}
	return ""
}

// labelled lists labels, with their values if those are a fixed set.
func labelled(values map[string][]string) string {
	names := slices.Sorted(maps.Keys(values))
	for i, name := range names {
		names[i] = "`" + name + "`"
		if slices.Contains([]string{"table", "version", "revision", "go"}, name) {
			continue
		}
		slices.Sort(values[name])
		names[i] += ": " + strings.Join(slices.Compact(values[name]), ", ")
	}
	return strings.Join(names, "; ")
}

// described returns the names of the metrics that a collector describes.
func described(c prometheus.Collector) (names []string) {
	ch := make(chan *prometheus.Desc)
	go func() {
		c.Describe(ch)
		close(ch)
	}()
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range ch {
		names = append(names, name.FindStringSubmatch(d.String())[1])
	}
	return names
}

// Prometheus interpolates a quantile within its bucket. So a threshold has to be a bound
// of a bucket, or merges that are much faster or slower would count as equal to it. The
// tests of the alert also have to use the buckets that exist.
func TestTheAlertOfSlowBatchesComparesWithABound(t *testing.T) {
	bounds := map[string]bool{"+Inf": true}
	for _, b := range stepBounds {
		bounds[strconv.FormatFloat(b, 'g', -1, 64)] = true
	}
	for path, written := range map[string]*regexp.Regexp{
		"rules.yaml":      regexp.MustCompile(`pipeline:rowshift_step_seconds:p[0-9]+_[0-9a-z]+ > ([0-9.]+)`),
		"rules_test.yaml": regexp.MustCompile(`rowshift_step_seconds_bucket\{.*le="([^"]+)"`),
	} {
		page, err := os.ReadFile("../../deploy/prometheus/" + path)
		if err != nil {
			t.Fatal(err)
		}
		found := written.FindAllSubmatch(page, -1)
		if len(found) == 0 {
			t.Errorf("%s has no %s", path, written)
		}
		for _, m := range found {
			if !bounds[string(m[1])] {
				t.Errorf("%s has %s, which is no bound of rowshift_step_seconds", path, m[1])
			}
		}
	}
}
