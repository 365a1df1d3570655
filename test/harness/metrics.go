package harness

import (
	"strconv"
	"strings"
)

// Metrics are the samples of a page in Prometheus' text format, by series.
type Metrics map[string]float64

// ParseMetrics parses a page. It skips lines that are no sample.
func ParseMetrics(page string) Metrics {
	m := Metrics{}
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			m[line[:at]] = v
		}
	}
	return m
}

// Sum adds up the series of a metric. The selector name{label="value"} restricts it to
// those with that label.
func (m Metrics) Sum(selector string) float64 {
	name, label, _ := strings.Cut(strings.TrimSuffix(selector, "}"), "{")
	var sum float64
	for series, v := range m {
		n, labels, _ := strings.Cut(series, "{")
		if n == name && strings.Contains(labels, label) {
			sum += v
		}
	}
	return sum
}

// Has reports whether the page has a series of a metric.
func (m Metrics) Has(name string) bool {
	for series := range m {
		if n, _, _ := strings.Cut(series, "{"); n == name {
			return true
		}
	}
	return false
}
