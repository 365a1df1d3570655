//go:build race

package replicator

// raced tells that pools drop a quarter of what they are given, to find races.
const raced = true
