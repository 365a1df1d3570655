//go:build race

package bucket

// largeLoad is the size of a load that shall not fit into memory. Under the race
// detector compressing is twenty times slower.
const largeLoad = 64 << 20
