//go:build race

package replicator_test

const defaultSchedules = 500
