package redshift

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
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
)

// detailOf writes a table's detail as JSON, packed if that is too long. With thousands of
// partitions that may be too long as well. Then it leaves out which transaction attached each of
// them; a transaction that is not known counts as the same.
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

func packedDetail(t replicator.TableState) string {
	b, err := json.Marshal(tableDetail{Shape: t.Shape, Heap: t.Heap, Parts: t.Parts, Past: t.Past, Renaming: t.Renaming, Load: t.Load, LastLoad: t.LastLoad, Reason: t.Reason, Why: t.Why, Repair: t.Repair})
	if err != nil {
		panic(err) // it has numbers and strings only
	}
	if len(b) <= maxDetail {
		return string(b)
	}
	var small bytes.Buffer
	z := zlib.NewWriter(&small)
	_, _ = z.Write(b) // a buffer takes everything
	_ = z.Close()
	return packed + base64.StdEncoding.EncodeToString(small.Bytes())
}

// readDetail reads what detailOf wrote.
func readDetail(detail string) (d tableDetail, err error) {
	b := []byte(detail)
	if text, ok := strings.CutPrefix(detail, packed); ok {
		r, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
		if err != nil {
			return d, err
		}
		if b, err = io.ReadAll(r); err != nil {
			return d, err
		}
	}
	err = json.Unmarshal(b, &d)
	d.Shape = slices.Clone(d.Shape) // decoding leaves spare capacity, which adds up over thousands of tables
	return d, err
}
