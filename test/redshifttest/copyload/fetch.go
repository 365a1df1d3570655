package copyload

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// How far files are read ahead of the rows that are made from them: this many files, and
// this many pieces of each.
const (
	filesAhead  = 8
	piecesAhead = 4
	pieceSize   = 128 << 10
)

// fetch is a file that is opened, read and unpacked while rows are still made from the
// files before it.
type fetch struct {
	found
	opened chan struct{} // closed once openErr is set
	pieces chan []byte   // closed at the end, once err is set
	spare  chan []byte

	openErr, err error
	stored       atomic.Int64 // bytes, as stored in S3
	piece, rest  []byte
}

// fetcher reads files ahead, in order.
type fetcher struct {
	ctx     context.Context
	store   Store
	packed  Compression
	waiting []found
	ahead   []*fetch
	done    sync.WaitGroup
}

// next returns the next file, or nil after the last.
func (f *fetcher) next() *fetch {
	for len(f.ahead) < filesAhead && len(f.waiting) > 0 {
		one := &fetch{found: f.waiting[0], opened: make(chan struct{}), pieces: make(chan []byte, piecesAhead), spare: make(chan []byte, piecesAhead+1)}
		f.waiting = f.waiting[1:]
		f.ahead = append(f.ahead, one)
		f.done.Go(func() { one.run(f.ctx, f.store, f.packed) })
	}
	if len(f.ahead) == 0 {
		return nil
	}
	first := f.ahead[0]
	f.ahead = f.ahead[1:]
	<-first.opened
	return first
}

func (f *fetch) run(ctx context.Context, store Store, packed Compression) {
	defer close(f.pieces)
	var body io.ReadCloser
	body, f.openErr = store.Open(ctx, f.Object)
	close(f.opened)
	if f.openErr != nil {
		return
	}
	defer body.Close()
	src, closeSrc, err := unpack(packed, &counter{src: body, n: &f.stored})
	if err != nil {
		f.err = err
		if errors.Is(err, io.EOF) {
			f.err = io.ErrUnexpectedEOF // packed files are not empty
		}
		return
	}
	defer closeSrc()
	for f.err == nil {
		f.err = f.readPiece(ctx, src)
	}
	if errors.Is(f.err, io.EOF) {
		f.err = nil
	}
}

// readPiece reads a piece and passes it on.
func (f *fetch) readPiece(ctx context.Context, src io.Reader) error {
	var piece []byte
	select {
	case piece = <-f.spare:
	default:
		piece = make([]byte, pieceSize)
	}
	n := 0
	var err error
	for n < len(piece) && err == nil {
		var more int
		more, err = src.Read(piece[n:])
		n += more
	}
	select {
	case f.pieces <- piece[:n]:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Read reads the file's unpacked content. Only one goroutine may call it.
func (f *fetch) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		piece, ok := <-f.pieces
		if !ok && f.err != nil {
			return 0, f.err
		}
		if !ok {
			return 0, io.EOF
		}
		f.piece, f.rest = piece, piece
	}
	n := copy(p, f.rest)
	if f.rest = f.rest[n:]; len(f.rest) == 0 {
		select {
		case f.spare <- f.piece[:pieceSize]:
		default:
		}
	}
	return n, nil
}
