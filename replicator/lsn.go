package replicator

import (
	"fmt"
	"strconv"
	"strings"
)

// LSN is a position in the source's write-ahead log. The position of a
// transaction is the end of its commit record. Zero is no position.
type LSN uint64

// String returns the form that PostgreSQL prints: two hexadecimal halves.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// ParseLSN reads the form that PostgreSQL prints.
// https://www.postgresql.org/docs/current/datatype-pg-lsn.html
func ParseLSN(s string) (LSN, error) {
	high, low, ok := strings.Cut(s, "/")
	if !ok {
		return 0, fmt.Errorf("replicator: %q is not an LSN", s)
	}
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("replicator: %q is not an LSN", s)
	}
	l, err := strconv.ParseUint(low, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("replicator: %q is not an LSN", s)
	}
	return LSN(h<<32 | l), nil
}

// Behind returns how many bytes of log lie between l and ahead, zero if none do.
func (l LSN) Behind(ahead LSN) uint64 {
	if ahead <= l {
		return 0
	}
	return uint64(ahead - l)
}
