package bucket

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"rowshift/replicator"
	"rowshift/schema"
)

// maxRow is the longest row that COPY takes, in bytes of its file.
// https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
const maxRow = 4 << 20

// errMarker says that a value is equal to the attempt's NULL marker.
var errMarker = errors.New("bucket: a value is equal to the marker that stands for NULL")

// lines writes rows of one table as CSV. It is used by one goroutine.
type lines struct {
	table     *schema.Table
	null      string
	unchanged []int // columns that have a flag, ascending
	keyPlace  []int // by column: its index in the key, -1 if it is not part of it

	key  []replicator.Value // scratch: the key of the row at hand
	flag []bool             // scratch: which columns the row at hand leaves unchanged

	adjusted []adjusted // what was adjusted in the row at hand
}

func newLines(t *schema.Table, null string, unchanged []int) *lines {
	l := &lines{table: t, null: null, unchanged: unchanged, flag: make([]bool, len(t.Columns))}
	l.keyPlace = make([]int, len(t.Columns))
	for i := range l.keyPlace {
		l.keyPlace[i] = -1
	}
	for i, column := range t.Key {
		l.keyPlace[column] = i
	}
	return l
}

// full appends a row that has all columns and nothing else, as the files of a load have it.
func (l *lines) full(dst []byte, row replicator.Tuple) ([]byte, error) {
	start := len(dst)
	l.adjusted = l.adjusted[:0]
	dst, err := l.columns(dst, row)
	if err != nil {
		return dst[:start], err
	}
	for _, unchanged := range l.flag {
		if unchanged {
			return dst[:start], fmt.Errorf("bucket: a row of %s without one of its values", l.table.Name)
		}
	}
	return l.end(dst, start)
}

// held appends a row of a held fold. It is a row as folded appends it, preceded by the fold's
// number, its transaction, and whether all earlier rows are gone. A row that says that they are
// gone has nothing else in it.
func (l *lines) held(dst []byte, fold int, xid uint32, row replicator.Row, truncated bool) ([]byte, error) {
	start := len(dst)
	dst = append(l.boolean(l.ofFold(dst, fold, xid), truncated), ',')
	return l.rest(dst, start, row)
}

// ofFold appends the number of a fold and its transaction, by which a held table tells its folds
// apart.
func (l *lines) ofFold(dst []byte, fold int, xid uint32) []byte {
	dst = append(strconv.AppendInt(append(dst, '"'), int64(fold), 10), '"', ',')
	if xid == 0 {
		return append(append(dst, l.null...), ',')
	}
	return append(strconv.AppendUint(append(dst, '"'), uint64(xid), 10), '"', ',')
}

// folded appends a row of a fold, with its flags.
func (l *lines) folded(dst []byte, row replicator.Row) ([]byte, error) {
	return l.rest(dst, len(dst), row)
}

// rest completes the line that begins at start by the row of a fold.
func (l *lines) rest(dst []byte, start int, row replicator.Row) ([]byte, error) {
	var err error
	l.adjusted = l.adjusted[:0]
	if row.New != nil {
		dst, err = l.columns(dst, row.New)
	} else {
		dst, err = l.gone(dst, row.Key)
	}
	if err == nil {
		err = l.fillable(row)
	}
	if err == nil && len(l.unchanged) > 0 {
		dst, err = l.fill(dst, row)
	}
	if err != nil {
		return dst[:start], err
	}
	return l.end(append(l.boolean(dst, row.New == nil), ','), start)
}

// fillable returns an error if the row at hand leaves a column unchanged whose value cannot be
// filled in: the column has no flag, or the row has no origin to take the value from.
func (l *lines) fillable(row replicator.Row) error {
	for column, unchanged := range l.flag {
		if unchanged && row.Origin == nil {
			return &unfit{column: none, kind: replicator.Unfilled}
		}
		if unchanged && !slices.Contains(l.unchanged, column) {
			return fmt.Errorf("bucket: column %q of %s is left unchanged, and was not known to be stored out of line", l.table.Columns[column].Name, l.table.Name)
		}
	}
	return nil
}

// columns appends the table's columns, each followed by a comma, and notes which are left
// unchanged.
func (l *lines) columns(dst []byte, row replicator.Tuple) ([]byte, error) {
	var err error
	for column := range l.table.Columns {
		var v replicator.Value
		v, row = row.Next()
		l.flag[column] = v.Kind == replicator.Unchanged
		if dst, err = l.value(dst, column, v); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// gone appends the columns of a row whose key is gone: NULL in all but the key's.
func (l *lines) gone(dst []byte, key replicator.Tuple) ([]byte, error) {
	l.key = l.key[:0]
	for range l.table.Key {
		if len(key) == 0 { // there is no key: all rows are gone
			l.key = append(l.key, replicator.Value{Kind: replicator.Null})
			continue
		}
		var v replicator.Value
		v, key = key.Next()
		l.key = append(l.key, v)
	}
	var err error
	for column, place := range l.keyPlace {
		v := replicator.Value{Kind: replicator.Null}
		if place >= 0 {
			v = l.key[place]
		}
		if dst, err = l.value(dst, column, v); err != nil {
			return dst, err
		}
	}
	clear(l.flag)
	return dst, nil
}

// fill appends the row's origin key, and for each column that has a flag whether the row leaves
// it unchanged.
func (l *lines) fill(dst []byte, row replicator.Row) ([]byte, error) {
	origin := row.Origin
	var err error
	for _, column := range l.table.Key {
		v := replicator.Value{Kind: replicator.Null}
		if len(origin) > 0 {
			v, origin = origin.Next()
		}
		dst, err = l.value(dst, column, v)
		if _, no := errors.AsType[*unfit](err); no {
			return dst, &unfit{column: none, kind: replicator.Unfilled} // the target cannot have such a key
		}
		if err != nil {
			return dst, err
		}
	}
	for _, column := range l.unchanged {
		dst = append(l.boolean(dst, l.flag[column]), ',')
	}
	return dst, nil
}

// value appends a column's value as COPY reads it, quoted, and a comma. A value that is NULL or
// unchanged becomes the marker, without quotes.
func (l *lines) value(dst []byte, column int, v replicator.Value) ([]byte, error) {
	if v.Kind != replicator.Text {
		return append(append(dst, l.null...), ','), nil
	}
	dst = append(dst, '"')
	start := len(dst)
	dst, adjustment, err := l.table.Columns[column].Write(dst, v.Text)
	if err != nil {
		return dst, l.refuse(column, err)
	}
	if adjustment != nil {
		l.adjusted = append(l.adjusted, adjusted{column, *adjustment})
		if adjustment.Rule == schema.Null {
			return append(append(dst[:start-1], l.null...), ','), nil
		}
	}
	if string(dst[start:]) == l.null {
		return dst, errMarker
	}
	return append(doubled(dst, start), '"', ','), nil
}

// doubled doubles the quotes in dst from start on.
func doubled(dst []byte, start int) []byte {
	first := bytes.IndexByte(dst[start:], '"')
	if first < 0 {
		return dst
	}
	quotes := bytes.Count(dst[start+first:], []byte{'"'})
	from := len(dst) - 1
	for range quotes {
		dst = append(dst, 0)
	}
	for to := len(dst) - 1; to > from; from, to = from-1, to-1 {
		dst[to] = dst[from]
		if dst[from] == '"' {
			to--
			dst[to] = '"'
		}
	}
	return dst
}

func (l *lines) boolean(dst []byte, b bool) []byte {
	if b {
		return append(dst, '"', 't', '"')
	}
	return append(dst, '"', 'f', '"')
}

// end turns the row's last comma into the end of its line. It refuses a row that is too long.
func (l *lines) end(dst []byte, start int) ([]byte, error) {
	dst[len(dst)-1] = '\n'
	if n := len(dst) - start; n > maxRow {
		return dst[:start], &unfit{column: none, kind: replicator.RowTooLong, size: n}
	}
	return dst, nil
}
