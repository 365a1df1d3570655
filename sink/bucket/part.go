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

// part writes rows into objects of an attempt. It cuts an object when it is large enough, and
// puts it while the next one fills. It is used by one goroutine.
type part struct {
	attempt *attempt
	parent  context.Context
	ctx     context.Context // of the puts in the background; ends when one has failed
	folder  string
	name    string // format of its objects' names, for their number

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

// part begins a part of the attempt in a folder.
func (a *attempt) part(ctx context.Context, folder, name string) (*part, error) {
	c, err := a.stager.compressor()
	if err != nil {
		return nil, err
	}
	p := &part{attempt: a, parent: ctx, folder: folder, name: name, press: c}
	p.uploads, p.ctx = errgroup.WithContext(ctx)
	p.uploads.SetLimit(1)
	return p, nil
}

// key returns the key of the object that the next row goes into.
func (p *part) key() string { return p.folder + fmt.Sprintf(p.name, len(p.done)) }

// row adds a row, which write appends: a whole line, or nothing and an error.
func (p *part) row(write func(dst []byte) ([]byte, error)) error {
	var err error
	if p.press.csv, err = write(p.press.csv); err != nil {
		return err
	}
	p.rows++
	if len(p.press.csv) < csvBytes {
		return nil
	}
	return p.compress()
}

// compress moves the gathered CSV into the object, and cuts the object if it is large enough.
func (p *part) compress() error {
	if p.filling == nil {
		p.filling = p.attempt.room.object()
		p.press.Reset(p.filling)
	}
	_, err := p.press.Write(p.press.csv)
	p.press.csv = p.press.csv[:0]
	if err != nil {
		return fmt.Errorf("bucket: %w", err)
	}
	if p.filling.size < p.attempt.stager.options.PartBytes && !p.filling.full {
		return nil
	}
	return p.cut()
}

// cut ends the object and puts it in the background, once the one before it has been put.
func (p *part) cut() error {
	if p.ctx.Err() != nil {
		return p.wait()
	}
	full, key, err := p.end()
	if err != nil {
		return err
	}
	p.uploads.Go(func() error {
		defer full.release()
		return p.attempt.put(p.ctx, key, full.reader(), full.size)
	})
	return nil
}

// end ends the object, and returns it and its key for a put.
func (p *part) end() (full *object, key string, err error) {
	if err := p.press.Close(); err != nil {
		return nil, "", fmt.Errorf("bucket: %w", err)
	}
	full, key = p.filling, p.key()
	p.filling = nil
	p.done = append(p.done, placed{key: key, size: full.size})
	return full, key, nil
}

// flush compresses what is left and ends the last object, which is often the only one; put then
// puts it. flush returns when the earlier objects have been put. It gives back the compressor.
func (p *part) flush() error {
	var err error
	if len(p.press.csv) > 0 {
		err = p.compress()
	}
	if failed := p.wait(); failed != nil {
		return failed
	}
	if err == nil && p.filling != nil {
		p.last.object, p.last.key, err = p.end()
	}
	p.letGo()
	return err
}

// put puts the last object, if there is one.
func (p *part) put() error {
	last := p.last.object
	if last == nil {
		return nil
	}
	p.last.object = nil
	defer last.release()
	return p.attempt.put(p.parent, p.last.key, last.reader(), last.size)
}

// letGo gives back the compressor, after the last row.
func (p *part) letGo() {
	p.attempt.stager.release(p.press)
	p.press = nil
}

// wait waits until nothing is being put any more, and returns what failed.
func (p *part) wait() error {
	over := p.ctx.Err()
	if err := p.uploads.Wait(); err != nil {
		return err
	}
	return over
}

// abandon gives the part up: it waits until nothing is being put any more, and gives back the
// memory of its objects.
func (p *part) abandon() {
	_ = p.wait()
	for _, o := range []**object{&p.filling, &p.last.object} {
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
