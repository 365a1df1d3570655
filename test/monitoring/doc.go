// Package monitoring holds the tests of what operators look at. It tests the alerts and
// recording rules of deploy/prometheus with promtool, the shape of the dashboard in
// deploy/grafana, and both in a real Prometheus that scrapes two real daemons under
// load. Where Prometheus is not installed, the tests unpack Debian's package into a
// cache.
package monitoring
