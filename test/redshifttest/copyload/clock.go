package copyload

import "strconv"

// moment is a date, a time of day, or both.
type moment struct {
	year, month, day             int
	hour, minute, second, micros int
	zone                         int // minutes east of UTC
	zoned                        bool
}

// reader reads a value from its start, piece by piece.
type reader struct {
	v   []byte
	pos int
}

func (r *reader) end() bool { return r.pos == len(r.v) }
func (r *reader) rest() int { return len(r.v) - r.pos }
func (r *reader) peek() byte { // 0 at the end
	if r.end() {
		return 0
	}
	return r.v[r.pos]
}

// is reads the byte b if it comes next, and reports whether it did.
func (r *reader) is(b byte) bool {
	if r.peek() != b || r.end() {
		return false
	}
	r.pos++
	return true
}

// run returns how many digits come next.
func (r *reader) run() int {
	n := 0
	for r.pos+n < len(r.v) && r.v[r.pos+n]-'0' <= 9 {
		n++
	}
	return n
}

// number reads exactly n digits.
func (r *reader) number(n int, into *int) bool {
	if r.rest() < n {
		return false
	}
	value := 0
	for _, b := range r.v[r.pos : r.pos+n] {
		if b-'0' > 9 {
			return false
		}
		value = value*10 + int(b-'0')
	}
	*into = value
	r.pos += n
	return true
}

var monthNames = [...]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// monthName reads the first three letters of a month's name.
func (r *reader) monthName(into *int) bool {
	if r.rest() < 3 {
		return false
	}
	var name [3]byte
	for i := range name {
		name[i] = r.v[r.pos+i] | 0x20
	}
	for i, known := range monthNames {
		if string(name[:]) == known {
			*into = i + 1
			r.pos += len(name)
			return true
		}
	}
	return false
}

// isoDate reads YYYY-MM-DD.
func (r *reader) isoDate(m *moment) bool {
	return r.number(4, &m.year) && r.is('-') && r.number(2, &m.month) && r.is('-') && r.number(2, &m.day) &&
		r.run() == 0 && m.dateExists()
}

// anyDate reads a date in a form that 'auto' recognizes. Of the forms in the manual,
// these are the ones that have a year of four digits and either figures in one possible
// order or a month's name.
func (r *reader) anyDate(m *moment) bool {
	ok := false
	switch r.run() {
	case 4:
		ok = r.number(4, &m.year) && r.yearFirst(m)
	case 8:
		ok = r.number(4, &m.year) && r.number(2, &m.month) && r.number(2, &m.day)
	case 1, 2:
		ok = r.yearLast(m)
	case 0:
		ok = r.monthName(&m.month) && r.is('-') && r.number(2, &m.day) && r.is('-') && r.number(4, &m.year)
	}
	return ok && r.run() == 0 && m.dateExists()
}

// yearFirst reads what follows a year: -MM-DD, /MM/DD or -Mon-DD.
func (r *reader) yearFirst(m *moment) bool {
	mark := r.peek()
	if mark != '-' && mark != '/' {
		return false
	}
	r.pos++
	if r.run() == 0 {
		return r.monthName(&m.month) && r.is(mark) && r.number(2, &m.day)
	}
	return r.number(2, &m.month) && r.is(mark) && r.number(2, &m.day)
}

// yearLast reads MM/DD/YYYY or DD-Mon-YYYY.
func (r *reader) yearLast(m *moment) bool {
	var first int
	if !r.number(r.run(), &first) {
		return false
	}
	if r.is('/') {
		m.month = first
		n := r.run()
		return n >= 1 && n <= 2 && r.number(n, &m.day) && r.is('/') && r.number(4, &m.year)
	}
	m.day = first
	return r.is('-') && r.monthName(&m.month) && r.is('-') && r.number(4, &m.year)
}

// clock reads HH:MI[:SS[.f]] or HHMISS.
func (r *reader) clock(m *moment) bool {
	if r.run() == 6 {
		return r.number(2, &m.hour) && r.number(2, &m.minute) && r.number(2, &m.second) && m.clockExists()
	}
	if !r.number(2, &m.hour) || !r.is(':') || !r.number(2, &m.minute) {
		return false
	}
	if r.is(':') && (!r.number(2, &m.second) || !r.fraction(m)) {
		return false
	}
	return m.clockExists()
}

// fraction reads a point and at most six digits, if a point comes. It refuses more
// digits, since it is not documented what becomes of them.
func (r *reader) fraction(m *moment) bool {
	if !r.is('.') {
		return true
	}
	n := r.run()
	if n == 0 || n > 6 {
		return false
	}
	r.number(n, &m.micros)
	for ; n < 6; n++ {
		m.micros *= 10
	}
	return true
}

// offset reads Z, UTC, GMT or ±HH[[:]MM], after a blank or not.
func (r *reader) offset(m *moment) bool {
	r.is(' ')
	m.zoned = true
	switch rest := r.v[r.pos:]; string(rest) {
	case "Z", "z", "UTC", "GMT":
		r.pos = len(r.v)
		return true
	}
	east := r.is('+')
	if !east && !r.is('-') {
		return false
	}
	var hours, minutes int
	if !r.number(2, &hours) {
		return false
	}
	r.is(':')
	if !r.end() && !r.number(2, &minutes) || hours > 15 || minutes > 59 {
		return false
	}
	m.zone = hours*60 + minutes
	if !east {
		m.zone = -m.zone
	}
	return true
}

func (m *moment) dateExists() bool {
	if m.year < 1 || m.month < 1 || m.month > 12 || m.day < 1 {
		return false
	}
	return m.day <= daysIn(m.year, m.month)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// clockExists reports whether there is such a time of day. 24:00:00, the last moment of a
// day, is one.
func (m *moment) clockExists() bool {
	if m.hour == 24 {
		return m.minute == 0 && m.second == 0 && m.micros == 0
	}
	return m.hour < 24 && m.minute < 60 && m.second < 60
}

// padded appends n with at least width digits.
func padded(dst []byte, n, width int) []byte {
	for limit := 10; width > 1; width, limit = width-1, limit*10 {
		if n < limit {
			dst = append(dst, '0')
		}
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func (m *moment) appendDate(dst []byte) []byte {
	dst = append(padded(dst, m.year, 4), '-')
	dst = append(padded(dst, m.month, 2), '-')
	return padded(dst, m.day, 2)
}

func (m *moment) appendClock(dst []byte) []byte {
	dst = append(padded(dst, m.hour, 2), ':')
	dst = append(padded(dst, m.minute, 2), ':')
	dst = padded(dst, m.second, 2)
	if m.micros > 0 {
		dst = padded(append(dst, '.'), m.micros, 6)
	}
	return dst
}

func (m *moment) appendZone(dst []byte) []byte {
	zone, mark := m.zone, byte('+')
	if zone < 0 {
		zone, mark = -zone, '-'
	}
	dst = append(padded(append(dst, mark), zone/60, 2), ':')
	return padded(dst, zone%60, 2)
}
