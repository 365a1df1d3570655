package copyload

import (
	"bufio"
	"compress/bzip2"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// unpack opens a compressed stream. The function that it returns frees what
// the decoder holds.
func unpack(c Compression, src io.Reader) (io.Reader, func(), error) {
	const buffer = 128 << 10
	switch c {
	case GZIP:
		r, err := gzip.NewReader(bufio.NewReaderSize(src, buffer))
		if err != nil {
			return nil, nil, err
		}
		return r, func() { _ = r.Close() }, nil // its checksum was compared at the end
	case ZSTD:
		r, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return r, r.Close, nil
	case BZIP2:
		return bzip2.NewReader(bufio.NewReaderSize(src, buffer)), func() {}, nil
	}
	return src, func() {}, nil
}
