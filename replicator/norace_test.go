//go:build !race

package replicator

const raced = false
