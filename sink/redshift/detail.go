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

// tableDetail is what a table's state holds beside what people read.
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
	// maxDetail is how long a detail may be; the column is VARCHAR(65535). A table of
	// a thousand columns has more.
	maxDetail = 65000

	// packed begins a detail that is JSON, compressed, in base64.
	packed = "zlib:"
)

// detailOf writes a table's detail: as JSON, packed if that is long. Of thousands of
// partitions that may be too long too: then it is left out which transaction attached each,
// and as long as that is not known it counts as the same.
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
	d.Shape = slices.Clone(d.Shape) // of thousands of tables: reading leaves room for more columns
	return d, err
}
