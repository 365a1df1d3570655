//go:build race

package replicator_test

const (
	defaultSchedules = 500
	seeksPlanted     = false // they show that the simulation can fail, which takes no detector
)
