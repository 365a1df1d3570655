package copyload

import (
	"bytes"
	"fmt"
)

// cut is the outcome of an attempt to cut off a row.
type cut int

const (
	whole      cut = iota
	needsMore      // the row's end is not in view
	badQuote       // there is a quote where none may be, or one that is never closed
	badNewline     // a carriage return or NUL ends the row, but the line goes on
)

// splitter splits delimited text into fields. A quoted field may hold delimiters, line
// ends and doubled quotes; a quote anywhere else is an error
// (https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html#copy-csv).
type splitter struct {
	delimiter, quote byte
	quotes           bool // whether fields may be quoted at all
	stop             [256]bool

	fields  [][]byte
	scratch []byte // the values of fields that had doubled quotes
	spot    int    // where a bad row is wrong
}

func newSplitter(s *Spec) *splitter {
	p := &splitter{delimiter: s.Delimiter, quote: s.Quote, quotes: s.Format == CSV}
	p.stop['\n'], p.stop['\r'], p.stop[p.delimiter] = true, true, true
	p.stop[0] = s.null() != "\x00" // otherwise it may be a field's value
	if p.quotes {
		p.stop[p.quote] = true
	}
	return p
}

// split splits the row with which b begins into p.fields, and returns the row's length
// including its line end. The fields are valid until the next call and as long as b is.
// last means that the file ends where b does.
func (p *splitter) split(b []byte, last bool) (int, cut) {
	p.fields, p.scratch = p.fields[:0], p.scratch[:0]
	for i := 0; ; {
		var field []byte
		end, state := i, whole
		if p.quotes && i < len(b) && b[i] == p.quote {
			field, end, state = p.quoted(b, i+1, last)
		} else {
			for end < len(b) && !p.stop[b[end]] {
				end++
			}
			field = b[i:end]
		}
		if state != whole {
			return p.giveUp(b, end, last, state)
		}
		p.fields = append(p.fields, field)
		switch {
		case end == len(b) && last:
			return end, whole
		case end == len(b):
			return 0, needsMore
		case b[end] == p.delimiter:
			i = end + 1
		case b[end] == '\n':
			return end + 1, whole
		case b[end] == '\r' || b[end] == 0:
			return p.lineEnd(b, end+1, last)
		default:
			return p.giveUp(b, end, last, badQuote)
		}
	}
}

// quoted returns the value of the quoted field whose first byte is at start, and the
// offset behind its closing quote.
func (p *splitter) quoted(b []byte, start int, last bool) ([]byte, int, cut) {
	held := len(p.scratch)
	for i := start; ; {
		k := bytes.IndexByte(b[i:], p.quote)
		at := i + k
		switch {
		case k < 0 && last:
			return nil, len(b), badQuote
		case k < 0, at+1 == len(b) && !last:
			return nil, 0, needsMore
		case at+1 < len(b) && b[at+1] == p.quote:
			p.scratch = append(p.scratch, b[i:at+1]...)
			i = at + 2
		case len(p.scratch) == held:
			return b[start:at], at + 1, whole
		default:
			p.scratch = append(p.scratch, b[i:at]...)
			return p.scratch[held:], at + 1, whole
		}
	}
}

// lineEnd returns the row's end, where a carriage return or NUL precedes next. Only a
// line feed may follow that.
func (p *splitter) lineEnd(b []byte, next int, last bool) (int, cut) {
	switch {
	case next < len(b) && b[next] == '\n':
		return next + 1, whole
	case next < len(b):
		return p.giveUp(b, next, last, badNewline)
	case last:
		return next, whole
	}
	return 0, needsMore
}

// giveUp returns where the next row begins, which is behind the next line feed.
func (p *splitter) giveUp(b []byte, at int, last bool, state cut) (int, cut) {
	if state == needsMore {
		return 0, needsMore
	}
	p.spot = at
	if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
		return at + i + 1, state
	}
	if !last {
		return 0, needsMore
	}
	return len(b), state
}

// fault returns the fault of a row that could not be cut.
func (p *splitter) fault(state cut, row []byte) *fault {
	if state == badQuote {
		return &fault{code: codeDelimiter, pos: p.spot, reason: "Invalid quote formatting for CSV"}
	}
	return newlineFault(row, p.spot)
}

// newlineFault returns Redshift's error for a row that goes on where it must end.
func newlineFault(row []byte, at int) *fault {
	return &fault{code: codeLine, pos: at,
		reason: fmt.Sprintf("Missing newline: Unexpected character 0x%x found at location %d", row[at], at)}
}
