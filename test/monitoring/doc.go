// Package monitoring holds the tests of what operators look at: the alerts and
// recording rules of deploy/prometheus by promtool, the shape of the dashboard in
// deploy/grafana, and both in a real Prometheus that scrapes two real daemons under
// load. They need Debian's package prometheus, which they install when run as root.
package monitoring
