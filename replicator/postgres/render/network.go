package render

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// network is the Form of inet and cidr. Their bytes are the family, the bits of the mask,
// whether it is a cidr, how many bytes the address has, and the address.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/network.c
func network(dst, v []byte) ([]byte, error) {
	if len(v) < 4 || len(v) != 4+int(v[3]) {
		return dst, ErrMalformed
	}
	family, mask, cidr, address := v[0], v[1], v[2] != 0, v[4:]
	switch {
	case family == 2 && len(address) == 4 && mask <= 32:
		dst = appendIPv4(dst, address)
	case family == 3 && len(address) == 16 && mask <= 128:
		dst = appendIPv6(dst, address)
	default:
		return dst, ErrMalformed
	}
	if cidr || int(mask) != 8*len(address) {
		dst = strconv.AppendUint(append(dst, '/'), uint64(mask), 10)
	}
	return dst, nil
}

func appendIPv4(dst, address []byte) []byte {
	for i, b := range address {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendUint(dst, uint64(b), 10)
	}
	return dst
}

// appendIPv6 leaves out the first of the longest runs of two or more zero words. If the
// address stands for one of IPv4, it writes the end as such.
// https://github.com/postgres/postgres/blob/master/src/port/inet_net_ntop.c
func appendIPv6(dst, address []byte) []byte {
	var words [8]uint16
	base, length := -1, 1 // of the zeros that are left out
	run := 0
	for i := range words {
		words[i] = binary.BigEndian.Uint16(address[2*i:])
		if words[i] != 0 {
			run = 0
			continue
		}
		if run++; run > length {
			base, length = i-run+1, run
		}
	}
	for i := 0; i < len(words); i++ {
		if i == base {
			dst = append(dst, ':')
		}
		if base >= 0 && i >= base && i < base+length {
			continue
		}
		if i > 0 {
			dst = append(dst, ':')
		}
		if i == 6 && base == 0 && (length == 6 || length == 5 && words[5] == 0xffff) {
			return appendIPv4(dst, address[12:])
		}
		dst = strconv.AppendUint(dst, uint64(words[i]), 16)
	}
	if base >= 0 && base+length == len(words) {
		dst = append(dst, ':')
	}
	return dst
}

// hardware returns the Form of MAC addresses of that many bytes.
func hardware(size int) Form {
	return func(dst, v []byte) ([]byte, error) {
		if len(v) != size {
			return dst, ErrMalformed
		}
		for i := range v {
			if i > 0 {
				dst = append(dst, ':')
			}
			dst = hex.AppendEncode(dst, v[i:i+1])
		}
		return dst, nil
	}
}
