package redshift

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// tableDetail is the part of a table's state that is not for people to read.
type tableDetail struct {
	Shape  []schema.Shape        `json:"shape"`
	Heap   schema.Heap           `json:"heap"`
	Parts  []schema.Part         `json:"parts,omitempty"`
	Run    string                `json:"run,omitempty"`
	Past   *replicator.Past      `json:"past,omitempty"`
	Load   *replicator.LoadState `json:"load,omitempty"`
	Reason replicator.Reason     `json:"reason,omitempty"`
	Why    string                `json:"why,omitempty"`
	Repair string                `json:"repair,omitempty"`

	Renaming []schema.Rename `json:"renaming,omitempty"`

	LastLoad time.Duration `json:"last_load,omitempty"`
}

const (
	// maxDetail is how many bytes a detail may have; the column is VARCHAR(65535). As plain
	// JSON, the detail of a table with a thousand columns has more.
	maxDetail = 65000

	// packed begins a detail that is compressed JSON, in base64.
	packed = "zlib:"

	// packedApart begins a detail in which the partitions follow the JSON, which lacks them: the
	// length of the JSON, the JSON, and what appendParts writes, compressed together.
	packedApart = "zlib+parts:"
)

// detailOf writes a table's detail as JSON, packed if that is too long. With thousands of
// partitions that may be too long as well. Then it leaves out which transaction attached each of
// them; a transaction that is not known counts as the same. If even so it has more bytes than
// maxDetail, there is no room for the table: see roomFor.
func detailOf(t replicator.TableState) string {
	s := packedDetail(t)
	if len(s) <= maxDetail {
		return s
	}
	t.Parts = slices.Clone(t.Parts)
	for i := range t.Parts {
		t.Parts[i].XMin = 0
	}
	return packedDetail(t)
}

func marshalDetail(t replicator.TableState) ([]byte, error) {
	return json.Marshal(tableDetail{Shape: t.Shape, Heap: t.Heap, Parts: t.Parts, Run: t.Run, Past: t.Past, Renaming: t.Renaming, Load: t.Load, LastLoad: t.LastLoad, Reason: t.Reason, Why: t.Why, Repair: t.Repair})
}

func packedDetail(t replicator.TableState) string {
	b, err := marshalDetail(t)
	if err != nil {
		panic(err) // it has numbers and strings only
	}
	if len(b) <= maxDetail {
		return string(b)
	}
	if len(t.Parts) == 0 {
		return packed + pack(b)
	}
	parts := t.Parts
	t.Parts = nil
	if b, err = marshalDetail(t); err != nil {
		panic(err)
	}
	return packedApart + pack(appendParts(append(binary.AppendUvarint(nil, uint64(len(b))), b...), parts))
}

// pack compresses bytes, and writes them in base64.
func pack(b []byte) string {
	var small bytes.Buffer
	z := zlib.NewWriter(&small)
	_, _ = z.Write(b) // a buffer takes everything
	_ = z.Close()
	return base64.StdEncoding.EncodeToString(small.Bytes())
}

// unpack reads what pack wrote.
func unpack(text string) ([]byte, error) {
	r, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// readDetail reads what detailOf wrote.
func readDetail(detail string) (d tableDetail, err error) {
	b, parts := []byte(detail), []byte(nil)
	if text, ok := strings.CutPrefix(detail, packed); ok {
		if b, err = unpack(text); err != nil {
			return d, err
		}
	} else if text, ok := strings.CutPrefix(detail, packedApart); ok {
		if b, err = unpack(text); err != nil {
			return d, err
		}
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return d, errParts
		}
		b, parts = b[n:n+int(length)], b[n+int(length):]
	}
	if err = json.Unmarshal(b, &d); err == nil && parts != nil {
		d.Parts, err = readParts(parts)
	}
	d.Shape = slices.Clone(d.Shape) // decoding leaves spare capacity, which adds up over thousands of tables
	return d, err
}
