//go:build !race

package bucket

// largeLoad is the size of a load that does not fit into memory.
const largeLoad = 200 << 20
