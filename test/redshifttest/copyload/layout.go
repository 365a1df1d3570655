package copyload

import (
	"strings"
	"time"
)

// layout is how values are read by a DATEFORMAT or TIMEFORMAT
// (https://docs.aws.amazon.com/redshift/latest/dg/r_DATEFORMAT_and_TIMEFORMAT_strings.html).
type layout struct {
	kind   layoutKind
	format string
	parts  []part
}

type layoutKind int

const (
	layoutDefault layoutKind = iota
	layoutAuto
	layoutSeconds
	layoutMillis
	layoutParts
)

// part is a piece of a format: a field of a moment or a literal byte.
type part struct {
	take    func(*reader, *moment) bool
	literal byte
}

// formatParts are the names in a format. A name comes after all longer ones that begin
// with it.
var formatParts = []struct {
	name string
	take func(*reader, *moment) bool
}{
	{"YYYY", func(r *reader, m *moment) bool { return r.number(4, &m.year) }},
	{"MON", func(r *reader, m *moment) bool { return r.monthName(&m.month) }},
	{"MM", func(r *reader, m *moment) bool { return r.number(2, &m.month) }},
	{"MI", func(r *reader, m *moment) bool { return r.number(2, &m.minute) }},
	{"DD", func(r *reader, m *moment) bool { return r.number(2, &m.day) }},
	{"HH24", func(r *reader, m *moment) bool { return r.number(2, &m.hour) }},
	{"HH", func(r *reader, m *moment) bool { return r.number(2, &m.hour) }},
	{"SS", func(r *reader, m *moment) bool { return r.number(2, &m.second) && r.fraction(m) }},
}

// newLayout reads a format. 'auto' and the epochs are case-sensitive.
func newLayout(format string) layout {
	switch format {
	case "":
		return layout{}
	case "auto":
		return layout{kind: layoutAuto, format: format}
	case "epochsecs":
		return layout{kind: layoutSeconds, format: format}
	case "epochmillisecs":
		return layout{kind: layoutMillis, format: format}
	}
	l := layout{kind: layoutParts, format: format}
	for rest := strings.ToUpper(format); rest != ""; {
		p, n := nextPart(rest)
		l.parts = append(l.parts, p)
		rest = rest[n:]
	}
	return l
}

func nextPart(rest string) (part, int) {
	for _, known := range formatParts {
		if strings.HasPrefix(rest, known.name) {
			return part{take: known.take}, len(known.name)
		}
	}
	return part{literal: rest[0]}, 1
}

// known reports whether the only letters in a format are those of names. A 'T' is
// accepted as well, for ISO 8601.
func (l layout) known() bool {
	for _, p := range l.parts {
		if p.take == nil && p.literal >= 'A' && p.literal <= 'Z' && p.literal != 'T' {
			return false
		}
	}
	return true
}

// match reads a value by the format's parts. The value may lack the last parts of the
// format, as a time may lack its fraction.
func (l layout) match(r *reader, m *moment) bool {
	for _, p := range l.parts {
		var ok bool
		if p.take != nil {
			ok = p.take(r, m)
		} else {
			ok = r.is(p.literal) || p.literal == 'T' && r.is('t')
		}
		if !ok {
			return false
		}
	}
	return r.end() && m.dateExists() && m.clockExists()
}

// date reads a DATE and ignores a time behind it.
func (l layout) date(r *reader, m *moment) bool {
	switch l.kind {
	case layoutParts:
		return l.match(r, m)
	case layoutAuto:
		return r.anyDate(m) && (r.end() || r.clockBehind(m))
	}
	return r.isoDate(m) && (r.end() || r.clockBehind(m))
}

// clockBehind reads a time behind a date, with or without a zone, up to the value's end,
// so that a "BC" is not overlooked.
func (r *reader) clockBehind(m *moment) bool {
	return r.between() && r.clock(m) && (r.end() || r.offset(m)) && r.end()
}

// between reads what separates date and time.
func (r *reader) between() bool { return r.is(' ') || r.is('T') || r.is('t') }

// timestamp reads a TIMESTAMP or TIMESTAMPTZ.
func (l layout) timestamp(r *reader, m *moment) bool {
	switch l.kind {
	case layoutParts:
		return l.match(r, m)
	case layoutSeconds, layoutMillis:
		return l.epoch(r, m)
	case layoutAuto:
		return r.anyDate(m) && (r.end() || r.clockBehind(m))
	}
	return r.isoDate(m) && r.is(' ') && r.clock(m) && (r.end() || r.peek() != ' ' && r.offset(m)) && r.end()
}

// epoch reads seconds or milliseconds since 1970.
func (l layout) epoch(r *reader, m *moment) bool {
	negative, rest := sign(r.v)
	n, count, fits := digits(rest)
	const yearLimit = 253402300800000 // milliseconds up to the year 10000
	if count == 0 || count < len(rest) || !fits || n >= yearLimit || l.kind == layoutSeconds && n >= yearLimit/1000 {
		return false
	}
	millis := int64(n)
	if negative {
		millis = -millis
	}
	if l.kind == layoutSeconds {
		millis *= 1000
	}
	t := time.UnixMilli(millis).UTC()
	m.year, m.month, m.day = t.Year(), int(t.Month()), t.Day()
	m.hour, m.minute, m.second, m.micros = t.Hour(), t.Minute(), t.Second(), t.Nanosecond()/1000
	return m.year >= 1
}

// read begins to read a value, with the column's own reader and moment: local ones would
// be allocated on the heap for each value.
func (c *column) read(v []byte) (*reader, *moment) {
	c.reader, c.moment = reader{v: v}, moment{}
	return &c.reader, &c.moment
}

func appendDate(c *column, dst, v []byte) ([]byte, *fault) {
	r, m := c.read(v)
	if c.clock.date(r, m) {
		return m.appendDate(dst), nil
	}
	if c.clock.kind == layoutDefault && len(v) < len("YYYY-MM-DD") {
		return dst, &fault{code: codeDate, reason: "Invalid Date Format - length must be 10 or more"}
	}
	return dst, &fault{code: codeDate, pos: r.pos, reason: "[stand-in] Error in Date value or format [" + c.clock.shown("YYYY-MM-DD") + "]"}
}

// appendTimestamp ignores the zone of a TIMESTAMP, and takes a TIMESTAMPTZ without a zone
// for UTC.
func appendTimestamp(c *column, dst, v []byte) ([]byte, *fault) {
	r, m := c.read(v)
	if !c.clock.timestamp(r, m) || c.clock.kind == layoutDefault && m.zoned && c.Type.Kind == Timestamp {
		return dst, &fault{code: codeTimestamp, pos: r.pos,
			reason: "Invalid timestamp format or value [" + c.clock.shown("YYYY-MM-DD HH24:MI:SS") + "]"}
	}
	dst = m.appendClock(append(m.appendDate(dst), ' '))
	if c.Type.Kind == TimestampTZ {
		dst = m.appendZone(dst)
	}
	return dst, nil
}

// shown returns the format as messages show it.
func (l layout) shown(usual string) string {
	if l.kind == layoutDefault {
		return usual
	}
	return l.format
}

func appendTime(c *column, dst, v []byte) ([]byte, *fault) {
	r, m := c.read(v)
	ok := r.clock(m)
	if ok && c.Type.Kind == TimeTZ && !r.end() {
		ok = r.offset(m)
	}
	if !ok || !r.end() {
		return dst, &fault{code: codeTimestamp, pos: r.pos, reason: "[stand-in] Invalid time format or value"}
	}
	dst = m.appendClock(dst)
	if c.Type.Kind == TimeTZ {
		dst = m.appendZone(dst)
	}
	return dst, nil
}
