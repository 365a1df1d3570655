package copyload

import (
	"bytes"
	"errors"
	"io"
)

// maxRow is the greatest length of a row, in bytes of its file without the line end
// (https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html).
const maxRow = 4 << 20

// errTooLong means that no row's end was found in maxRow bytes.
var errTooLong = errors.New("copyload: the row is too long")

// window is the part of a file that holds the current row.
type window struct {
	src      io.Reader
	buf      []byte
	from, to int
	last     bool // src has ended: there is no more than this
}

func newWindow(src io.Reader) *window { return &window{src: src, buf: make([]byte, 256<<10)} }

// reset moves the window to another file.
func (w *window) reset(src io.Reader) { w.src, w.from, w.to, w.last = src, 0, 0, false }

// view returns the content of the window. It is valid until more is called.
func (w *window) view() []byte { return w.buf[w.from:w.to] }

// skip moves the start of the window by n bytes.
func (w *window) skip(n int) { w.from += n }

// more reads more of the file into the window, or sets last.
func (w *window) more() error {
	if w.to-w.from > maxRow+1 {
		return errTooLong
	}
	copy(w.buf, w.buf[w.from:w.to])
	w.to -= w.from
	w.from = 0
	if w.to == len(w.buf) {
		w.buf = append(w.buf, make([]byte, len(w.buf))...)
	}
	for w.to < len(w.buf) {
		n, err := w.src.Read(w.buf[w.to:])
		w.to += n
		if err == io.EOF {
			w.last = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropLine moves the start of the window behind the next line feed.
func (w *window) dropLine() error {
	for {
		if i := bytes.IndexByte(w.view(), '\n'); i >= 0 {
			w.skip(i + 1)
			return nil
		}
		w.skip(len(w.view()))
		if w.last {
			return nil
		}
		if err := w.more(); err != nil {
			return err
		}
	}
}
