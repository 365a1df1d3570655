package bucket

import (
	"context"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// csvBytes is how much CSV is gathered before it is compressed.
const csvBytes = 128 << 10

// series writes rows into a series of objects of an attempt. It cuts an object when it is large
// enough, and puts it while the next one fills. It is used by one goroutine.
type series struct {
	attempt *attempt
	parent  context.Context
	ctx     context.Context // of the puts in the background; ends when one has failed
	name    string          // what the keys of its objects begin with
	ending  string          // and end with, after their number

	press   *compressor
	filling *object // nil between objects
	last    struct {
		object *object // set by flush, for put
		key    string
	}
	done []placed
	rows int64

	uploads *errgroup.Group // the object that is being put
}

// compressor is the memory that compression takes; it is reused.
type compressor struct {
	csv []byte // not compressed yet
	encoder
}

// encoder is what zstd and gzip have in common.
type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

// compressor returns a compressor, a used one if there is any. It runs on the goroutine of its
// caller.
func (s *Stager) compressor() (*compressor, error) {
	if c, ok := s.compressors.Get().(*compressor); ok {
		return c, nil
	}
	c := &compressor{csv: make([]byte, 0, csvBytes+csvBytes/4)}
	var err error
	if s.options.Compression == Gzip {
		c.encoder, err = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	} else {
		c.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(512<<10), zstd.WithLowerEncoderMem(true))
	}
	if err != nil {
		return nil, fmt.Errorf("bucket: %w", err)
	}
	return c, nil
}

// series begins a series of objects that hold text of a kind, such as csv.
func (a *attempt) series(ctx context.Context, name, kind string) (*series, error) {
	c, err := a.stager.compressor()
	if err != nil {
		return nil, err
	}
	s := &series{attempt: a, parent: ctx, name: name, ending: a.stager.extension(kind), press: c}
	s.uploads, s.ctx = errgroup.WithContext(ctx)
	s.uploads.SetLimit(1)
	return s, nil
}

// key returns the key of the object that the next row goes into.
func (s *series) key() string { return fmt.Sprintf("%s-%06d%s", s.name, len(s.done), s.ending) }

// row adds a row, which write appends: a whole line, or nothing and an error.
func (s *series) row(write func(dst []byte) ([]byte, error)) error {
	var err error
	if s.press.csv, err = write(s.press.csv); err != nil {
		return err
	}
	s.rows++
	if len(s.press.csv) < csvBytes {
		return nil
	}
	return s.compress()
}

// compress moves the gathered CSV into the object, and cuts the object if it is large enough.
func (s *series) compress() error {
	if s.filling == nil {
		s.filling = s.attempt.room.object()
		s.press.Reset(s.filling)
	}
	_, err := s.press.Write(s.press.csv)
	s.press.csv = s.press.csv[:0]
	if err != nil {
		return fmt.Errorf("bucket: %w", err)
	}
	if s.filling.size < s.attempt.stager.options.ObjectBytes && !s.filling.full {
		return nil
	}
	return s.cut()
}

// cut ends the object and puts it in the background, once the one before it has been put.
func (s *series) cut() error {
	if s.ctx.Err() != nil {
		return s.wait()
	}
	full, key, err := s.end()
	if err != nil {
		return err
	}
	s.uploads.Go(func() error {
		defer full.release()
		return s.attempt.put(s.ctx, key, full.reader(), full.size)
	})
	return nil
}

// end ends the object, and returns it and its key for a put.
func (s *series) end() (full *object, key string, err error) {
	if err := s.press.Close(); err != nil {
		return nil, "", fmt.Errorf("bucket: %w", err)
	}
	full, key = s.filling, s.key()
	s.filling = nil
	s.done = append(s.done, placed{key: key, size: full.size})
	return full, key, nil
}

// flush compresses what is left and ends the last object, which is often the only one; put then
// puts it. flush returns when the earlier objects have been put. It gives back the compressor.
func (s *series) flush() error {
	var err error
	if len(s.press.csv) > 0 {
		err = s.compress()
	}
	if failed := s.wait(); failed != nil {
		return failed
	}
	if err == nil && s.filling != nil {
		s.last.object, s.last.key, err = s.end()
	}
	s.letGo()
	return err
}

// put puts the last object, if there is one.
func (s *series) put() error {
	last := s.last.object
	if last == nil {
		return nil
	}
	s.last.object = nil
	defer last.release()
	return s.attempt.put(s.parent, s.last.key, last.reader(), last.size)
}

// letGo gives back the compressor, after the last row.
func (s *series) letGo() {
	s.attempt.stager.release(s.press)
	s.press = nil
}

// wait waits until nothing is being put any more, and returns what failed.
func (s *series) wait() error {
	over := s.ctx.Err()
	if err := s.uploads.Wait(); err != nil {
		return err
	}
	return over
}

// abandon gives the series up: it waits until nothing is being put any more, and gives back the
// memory of its objects.
func (s *series) abandon() {
	_ = s.wait()
	for _, o := range []**object{&s.filling, &s.last.object} {
		if *o != nil {
			(*o).release()
			*o = nil
		}
	}
}

// release gives a compressor to the next user, unless a huge row has made it large.
func (s *Stager) release(c *compressor) {
	if cap(c.csv) > 1<<20 {
		return
	}
	c.Reset(nil)
	s.compressors.Put(c)
}
