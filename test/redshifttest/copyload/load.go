package copyload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Load runs the COPY. It reads the files from the store and writes one row of
// PostgreSQL's COPY text format to w for each of their rows, with the columns of
// spec.Columns in order. If it returns an error, the caller must discard all that was
// written. The error is an *Error, unless ctx ended or w failed.
func Load(ctx context.Context, spec Spec, store Store, w io.Writer) (Result, error) {
	if err := spec.settle(); err != nil {
		return Result{}, err
	}
	objects, err := spec.objects(ctx, store)
	if err != nil {
		return Result{}, err
	}
	if spec.NoLoad {
		w = io.Discard
	}
	l := newLoader(&spec, w)
	ahead, stop := context.WithCancel(ctx)
	files := &fetcher{ctx: ahead, store: store, packed: spec.Compression, waiting: objects}
	defer files.done.Wait()
	defer stop()
	for f := files.next(); f != nil; f = files.next() {
		if err := l.load(ctx, f); err != nil {
			return l.result, err
		}
	}
	if len(l.result.Files) == 0 {
		return l.result, spec.nothingFound()
	}
	return l.result, l.flush()
}

// flushAt is how many bytes are gathered before they are written.
const flushAt = 64 << 10

// loader is a COPY that is running.
type loader struct {
	spec     *Spec
	w        io.Writer
	columns  []column
	splitter *splitter
	marker   []byte
	objects  *objectCutter // instead of the splitter, for JSON
	window   *window
	out      []byte
	result   Result
	file     File
	midLine  bool // the last row did not end its line
}

func newLoader(spec *Spec, w io.Writer) *loader {
	l := &loader{spec: spec, w: w, columns: newColumns(spec), window: newWindow(nil),
		marker: []byte(spec.null()), out: make([]byte, 0, 2*flushAt)}
	if spec.Format == JSON {
		l.objects = newObjectCutter(spec)
	} else {
		l.splitter = newSplitter(spec)
	}
	return l
}

func (l *loader) flush() error {
	if len(l.out) == 0 {
		return nil
	}
	_, err := l.w.Write(l.out)
	l.out = l.out[:0]
	if err != nil {
		return fmt.Errorf("copyload: writing rows: %w", err)
	}
	return nil
}

// load reads one object.
func (l *loader) load(ctx context.Context, f *fetch) error {
	if errors.Is(f.openErr, ErrNoSuchKey) && f.entry && !f.mandatory {
		return nil
	}
	if f.openErr != nil {
		return l.spec.openFailed(ctx, f.found, f.openErr)
	}
	l.file, l.midLine = File{URL: f.url()}, false
	defer func() {
		l.file.Bytes = f.stored.Load()
		l.result.Files = append(l.result.Files, l.file)
	}()
	l.window.reset(f)
	if err := l.header(); err != nil {
		return l.readFailed(ctx, err)
	}
	for {
		done, err := l.next(ctx)
		if done || err != nil {
			return err
		}
		if len(l.out) >= flushAt {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
}

// readFailed returns the error for a stream that broke or could not be unpacked.
func (l *loader) readFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return l.spec.block(codeS3, "[stand-in] reading the file failed: "+err.Error(), "S3 key being read : "+l.file.URL, "table_s3_scanner.cpp:0")
}

// header skips the lines of IGNOREHEADER.
func (l *loader) header() error {
	for range l.spec.IgnoreHeader {
		if err := l.window.dropLine(); err != nil {
			return err
		}
		l.file.Lines++
	}
	return nil
}

// next reads one row, or reports that there is none left.
func (l *loader) next(ctx context.Context) (done bool, err error) {
	for {
		b := l.window.view()
		if len(b) > 0 {
			n, f, ready := l.take(b)
			if ready {
				return false, l.took(b[:n], f)
			}
		}
		if l.window.last && len(b) == 0 {
			if l.midLine { // the last line has no line end
				l.file.Lines++
			}
			return true, nil
		}
		if err := l.window.more(); errors.Is(err, errTooLong) {
			return false, l.tooLong(ctx)
		} else if err != nil {
			return false, l.readFailed(ctx, err)
		}
	}
}

// take cuts off and converts the row with which b begins. It returns the row's length and
// what is wrong with the row. If it is not ready, it needs more of the file.
func (l *loader) take(b []byte) (n int, f *rowFault, ready bool) {
	if l.objects != nil {
		return l.takeObject(b)
	}
	if l.spec.IgnoreBlankLines && b[0] == '\n' {
		return 1, blankLine, true
	}
	n, state := l.splitter.split(b, l.window.last)
	switch {
	case state == needsMore:
		return 0, nil, false
	case state != whole:
		return n, &rowFault{fault: l.splitter.fault(state, b[:n])}, true
	case n-lineEndLen(b[:n]) > maxRow:
		return n, &rowFault{fault: newlineFault(b[:n], maxRow)}, true
	}
	return n, l.convert(l.splitter.fields, lineEndLen(b[:n]) == n), true
}

// blankLine is what take returns for a line that is not a row.
var blankLine = &rowFault{}

func lineEndLen(row []byte) int {
	switch {
	case bytes.HasSuffix(row, []byte("\r\n")):
		return 2
	case bytes.HasSuffix(row, []byte("\n")), bytes.HasSuffix(row, []byte("\r")):
		return 1
	}
	return 0
}

// took counts a row, and refuses it if it has a fault.
func (l *loader) took(row []byte, f *rowFault) error {
	line := l.file.Lines + 1
	l.file.Lines += int64(bytes.Count(row, []byte("\n")))
	l.midLine = !bytes.HasSuffix(row, []byte("\n"))
	l.window.skip(len(row))
	switch {
	case f == blankLine:
		return nil
	case f != nil:
		return l.refuse(row, line, f)
	}
	l.file.Rows++
	l.result.Rows++
	return nil
}

// tooLong refuses a row that does not fit the window, and continues behind the row's
// first line.
func (l *loader) tooLong(ctx context.Context) error {
	row := l.window.view()
	f := &rowFault{fault: newlineFault(row, maxRow)}
	if err := l.refuse(row, l.file.Lines+1, f); err != nil {
		return err
	}
	l.file.Lines++
	if err := l.window.dropLine(); err != nil {
		return l.readFailed(ctx, err)
	}
	return nil
}

// refuse notes a refused row, and fails the COPY if there are too many.
func (l *loader) refuse(row []byte, line int64, f *rowFault) error {
	const textLimit, reasonLimit = 1024, 100
	e := LoadError{
		FileName: l.file.URL, LineNumber: line, Position: f.pos, Code: f.code,
		RawLine: cutText(row[:len(row)-lineEndLen(row)], textLimit), Reason: cutText([]byte(f.reason), reasonLimit),
	}
	if f.column != nil {
		e.Column, e.Type, e.ColLength = f.column.Name, f.column.Type.name(), f.column.Type.length()
		e.RawField = cutText(f.value, textLimit)
	}
	l.result.Errors = append(l.result.Errors, e)
	if len(l.result.Errors) >= max(1, l.spec.MaxError) {
		return l.spec.failed()
	}
	return nil
}

// counter counts the bytes that are read through it.
type counter struct {
	src io.Reader
	n   *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n.Add(int64(n))
	return n, err
}
