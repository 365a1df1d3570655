package copyload

import (
	"bufio"
	"compress/bzip2"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// idleZSTD are decoders that no file is read with: one takes megabytes to make. They
// have no goroutines.
var idleZSTD sync.Pool

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
		r, ok := idleZSTD.Get().(*zstd.Decoder)
		if !ok {
			var err error
			if r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
				return nil, nil, err
			}
		}
		err := r.Reset(src)
		return r, func() { _ = r.Reset(nil); idleZSTD.Put(r) }, err
	case BZIP2:
		return bzip2.NewReader(bufio.NewReaderSize(src, buffer)), func() {}, nil
	}
	return src, func() {}, nil
}
