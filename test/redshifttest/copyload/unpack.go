package copyload

import (
	"bufio"
	"compress/bzip2"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// idleZSTD keeps decoders that no file uses, since making one takes megabytes. They have
// no goroutines.
var idleZSTD sync.Pool

// unpack opens a compressed stream. The function that it returns releases what the
// decoder holds.
func unpack(c Compression, src io.Reader) (io.Reader, func(), error) {
	const buffer = 128 << 10
	switch c {
	case GZIP:
		r, err := gzip.NewReader(bufio.NewReaderSize(src, buffer))
		if err != nil {
			return nil, nil, err
		}
		return r, func() { _ = r.Close() }, nil // the decoder compares the checksum at the end of the stream
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
