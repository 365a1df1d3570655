//go:build !race

package replicator_test

const (
	defaultSchedules = 10_000
	seeksPlanted     = true
)
