package bucket

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"rowshift/replicator"
	"rowshift/schema"
)

// adjusted is a value that was changed by its column's rule.
type adjusted struct {
	column int
	schema.Adjustment
}

// misfits describes each kind of misfit, for people.
var misfits = map[string]string{
	schema.TooLong:    "is too long",
	schema.OutOfRange: "is out of range",
	schema.Inexact:    "has more digits behind the point",
	schema.NotNumber:  "is not a number (NaN)",
	schema.Infinite:   "is infinite",
	schema.BeforeEra:  "has a year BC",
	schema.OddOffset:  "has an offset with seconds",
	schema.NotUTF8:    "is not UTF-8",
	schema.ZeroByte:   "holds a byte 0",
	schema.Empty:      "is empty",
	schema.TooDeep:    "is nested too deep",
	schema.SameName:   "has a name twice in one object",
	schema.Malformed:  "has not the form of its type",
}

// none takes the place of a column's index where no single column is meant.
const none = -1

// unfit is the error for a row that is refused, and says why it is.
type unfit struct {
	column int // none, if no single column is to blame
	kind   string
	size   int // bytes of the value's text, or of the row's line
}

func (r *unfit) Error() string { return "bucket: a row is refused: " + r.kind }

// refuse returns what follows from a value that its column's Redshift type cannot hold and no
// rule adjusts: an *unfit if the column's rule is quarantine, else a Halt. Neither shows the
// value. No other code refuses a row because of a value.
func (l *lines) refuse(column int, err error) error {
	m, ok := errors.AsType[*schema.Misfit](err)
	if !ok {
		return err
	}
	if m.Rule == schema.Quarantine {
		return &unfit{column: column, kind: m.Kind, size: m.Size}
	}
	c := l.table.Columns[column]
	return &replicator.Halt{
		Reason: replicator.ValueMisfit,
		Found:  fmt.Sprintf("a value of %s.%s %s; its text has %d bytes", l.table.Name, c.Name, misfits[m.Kind], m.Size),
		Means:  "a column of " + m.Type + " cannot hold it as it is",
		Repair: fmt.Sprintf("in the config, give column %q another rule than fail for %s in the rules of tables.%v, such as quarantine; or leave the column out: it is then NULL in all rows of the target",
			c.Configured, m.Kind, l.table.Configured),
		Cause: m,
	}
}

// entry is a ledger entry, without what tells which row it is about.
type entry struct {
	column int
	kind   string
	rule   string
	size   int
	object string // URL of the object that holds the row; empty if none does
}

// entry appends a ledger entry for a row, as replicator.StagedFold documents its Ledger.
func (l *lines) entry(dst []byte, fold int, xid uint32, row replicator.Row, e entry) ([]byte, error) {
	start := len(dst)
	if fold > 0 {
		dst = l.ofFold(dst, fold, xid)
	}
	dst, err := l.entryKey(dst, row.Key)
	if err != nil {
		return dst[:start], err
	}
	column, size := "", ""
	if e.column != none {
		column = l.table.Columns[e.column].Target
	}
	if e.size > 0 || e.column != none {
		size = strconv.Itoa(e.size)
	}
	at := ""
	if t := row.Written.Time; !t.IsZero() {
		at = t.UTC().Format("2006-01-02 15:04:05.999999")
	}
	for _, field := range []string{column, e.kind, e.rule, size, row.Written.LSN.String(), at, e.object} {
		dst = l.field(dst, field)
	}
	return l.end(dst, start)
}

// field appends a text that we wrote ourselves and a comma; empty text becomes NULL.
func (l *lines) field(dst []byte, text string) []byte {
	if text == "" {
		return append(append(dst, l.null...), ',')
	}
	dst = append(dst, '"')
	start := len(dst)
	return append(doubled(append(dst, text...), start), '"', ',')
}

// entryKey appends the key's columns, and NULL for the key as text. If the columns cannot hold
// the key, it appends NULL for each of them, and then the key as text.
func (l *lines) entryKey(dst []byte, key replicator.Tuple) ([]byte, error) {
	start := len(dst)
	var err error
	rest := key
	for _, column := range l.table.Key {
		var v replicator.Value
		v, rest = rest.Next()
		dst, err = l.value(dst, column, v)
		if _, no := errors.AsType[*unfit](err); no {
			return l.given(dst[:start], key), nil
		}
		if err != nil {
			return dst, err
		}
	}
	return append(append(dst, l.null...), ','), nil
}

// given appends NULL for each key column, and the key as text.
func (l *lines) given(dst []byte, key replicator.Tuple) []byte {
	for range l.table.Key {
		dst = append(append(dst, l.null...), ',')
	}
	return l.field(dst, string(l.keyText(nil, key)))
}

// keyText appends a key as a JSON array of its columns' texts. A text that is long or not UTF-8
// is replaced by its SHA-256.
func (l *lines) keyText(dst []byte, key replicator.Tuple) []byte {
	dst = append(dst, '[')
	for i, column := range l.table.Key {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		var v replicator.Value
		v, key = key.Next()
		text, _ := l.text(column, v)
		if len(text) > replicator.LongKey || !utf8.Valid(text) {
			sum := sha256.Sum256(text)
			text = append([]byte("sha256:"), hex.EncodeToString(sum[:])...)
		}
		dst = appendJSON(dst, text)
	}
	return append(dst, ']')
}

// text returns a value as it would be written to the CSV, or the source's text if it does not
// fit; nil for NULL.
func (l *lines) text(column int, v replicator.Value) (text []byte, fits bool) {
	if v.Kind != replicator.Text {
		return nil, true
	}
	written, adjustment, err := l.table.Columns[column].Write([]byte{}, v.Text)
	if err != nil {
		return v.Text, false
	}
	if adjustment != nil && adjustment.Rule == schema.Null {
		return nil, true
	}
	return written, true
}

// digest returns what a row is known by in replicator.Rows.
func (l *lines) digest(row replicator.Tuple) string {
	var dst []byte
	for column := range l.table.Columns {
		var v replicator.Value
		v, row = row.Next()
		text, _ := l.text(column, v)
		dst = replicator.AppendDigest(dst, text, text == nil)
	}
	return string(dst)
}

// kept appends a refused row as a line of JSON: its table and key, why it is refused, and all of
// its values that are known, as they would be written. A value that does not fit is given as the
// source has it.
func (l *lines) kept(dst []byte, row replicator.Row, why *unfit) []byte {
	dst = append(append(dst, `{"table":`...), appendJSON(nil, []byte(l.table.Name.String()))...)
	dst = l.keyText(append(dst, `,"key":`...), row.Key)
	dst = appendJSON(append(dst, `,"reason":`...), []byte(why.kind))
	if why.column != none {
		dst = appendJSON(append(dst, `,"column":`...), []byte(l.table.Columns[why.column].Target))
	}
	dst = appendJSON(append(dst, `,"lsn":`...), []byte(row.Written.LSN.String()))
	if t := row.Written.Time; !t.IsZero() {
		dst = appendJSON(append(dst, `,"committed_at":`...), []byte(t.UTC().Format(time.RFC3339Nano)))
	}
	dst = append(dst, `,"row":{`...)
	values, first := row.New, true
	for column, c := range l.table.Columns {
		var v replicator.Value
		if v, values = values.Next(); v.Kind == replicator.Unchanged {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSON(dst, []byte(c.Target)), ':')
		text, fits := l.text(column, v)
		if text == nil && fits {
			dst = append(dst, "null"...)
		} else {
			dst = appendJSON(dst, text)
		}
	}
	return append(dst, "}}\n"...)
}

// appendJSON appends text as a JSON string or, if it is not UTF-8, as an object with its bytes
// in hexadecimal.
func appendJSON(dst, text []byte) []byte {
	if !utf8.Valid(text) {
		return append(hex.AppendEncode(append(dst, `{"hex":"`...), text), `"}`...)
	}
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false) // the warehouse does not either, so a key is spelled alike in both
	if err := encoder.Encode(string(text)); err != nil {
		panic(err) // a string can always be encoded
	}
	return append(dst, bytes.TrimSuffix(quoted.Bytes(), []byte{'\n'})...)
}
