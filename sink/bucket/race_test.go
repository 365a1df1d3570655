//go:build race

package bucket

// largeLoad is the size of a load that does not fit into memory. Under the race detector,
// compression is twenty times slower.
const largeLoad = 64 << 20
