package bucket

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"rowshift/replicator"
	"rowshift/schema"
)

// road is everything between a source and a bucket, in one process: a source of decoded changes,
// the pipeline, a stager, and an HTTP server that discards what is put.
type road struct {
	replicator.Origin
	replicator.Loader

	table  *schema.Table
	stager *Stager
	rows   int // of all transactions together
	cp     replicator.Checkpoint

	// With backlog, all rows are there at the beginning, so there are as many batches as the
	// pipeline takes. Else there is a batch whenever one is full.
	backlog bool

	told int // changes, the ends of transactions included
	row  replicator.Tuple
}

// roadRows is how many rows a transaction has.
const roadRows = 20

func newRoad(t testing.TB) *road {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(server.Close)
	cleanEnvironment(t)
	s, err := New(context.Background(), Options{URL: "s3://b", Pipeline: "accounts", Region: "us-east-1", Endpoint: server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")})
	if err != nil {
		t.Fatal(err)
	}
	return &road{table: roadTable(t), stager: s}
}

// roadTable has columns of the usual types.
func roadTable(t testing.TB) *schema.Table {
	t.Helper()
	r := schema.Relation{OID: 4711, Name: schema.Name{Schema: "public", Table: "person"}, Kind: 'r', Persistence: 'p', Identity: schema.IdentityIndex, Replica: []int16{1}}
	for i, name := range []string{"uuid", "text", "text", "bool", "timestamptz", "int4", "numeric"} {
		r.Attributes = append(r.Attributes, schema.Attribute{Attnum: int16(i + 1), Name: fmt.Sprint("c", i), NotNull: true,
			Type: schema.Type{OID: uint32(100 + i), Base: uint32(100 + i), Typmod: -1, Name: name}})
	}
	table, err := schema.Choice{All: true}.Resolve(r, 15)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// drain sends that many rows down the road.
func (r *road) drain(t testing.TB, rows int) {
	t.Helper()
	r.rows, r.told = rows, 0
	r.cp = replicator.Checkpoint{Epoch: 1, Phase: replicator.Streaming, LSN: 1}
	r.cp.Tables = []replicator.TableState{{OID: r.table.OID, Name: r.table.Configured, Target: r.table.Target, State: replicator.Live, Shape: r.table.Shape(), Heap: r.table.Heap}}
	err := replicator.Run(context.Background(), replicator.Options{Origin: r, Stager: r.stager, Sweeper: r.stager, Warehouse: r, Loader: r, Once: true, Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
}

func (r *road) end() replicator.LSN { return replicator.LSN(10 * (r.rows + 1)) }

func (r *road) Open(ctx context.Context, o replicator.OpenRequest) (replicator.Source, replicator.Opened, error) {
	if _, err := o.Known(ctx); err != nil {
		return nil, replicator.Opened{}, err
	}
	flushed := r.cp.LSN
	if r.backlog {
		flushed = r.end()
	}
	return r, replicator.Opened{Flushed: flushed, End: r.end(), Tables: []replicator.Published{{Table: r.table}}}, nil
}

// Next returns transactions that update rows with scattered keys.
func (r *road) Next(context.Context, time.Duration) (replicator.Change, error) {
	transaction, place := r.told/(roadRows+2), r.told%(roadRows+2)
	n := transaction*roadRows + place - 1
	r.told++
	at := time.Unix(1_700_000_000, 0)
	switch {
	case transaction*roadRows >= r.rows:
		return replicator.Change{Op: replicator.Mark, LSN: r.end()}, nil
	case place == 0:
		return replicator.Change{Op: replicator.Begin, LSN: replicator.LSN(10*n + 15), XID: uint32(transaction), Time: at}, nil
	case place == roadRows+1:
		return replicator.Change{Op: replicator.Commit, LSN: replicator.LSN(10*n + 11), Time: at}, nil
	}
	const uuid = "d0f1c2b3-0000-4000-8000-000000000000"
	r.row = r.row[:0].Append(replicator.Value{Kind: replicator.Text, Text: []byte(uuid)})
	digits(r.row[len(r.row)-12:], uint64(n)*2654435761%1_000_000_007)
	for _, text := range roadTexts {
		r.row = r.row.Append(replicator.Value{Kind: replicator.Text, Text: text})
	}
	return replicator.Change{Op: replicator.Update, Table: r.table, New: r.row}, nil
}

// roadTexts are the values behind the key.
var roadTexts = [][]byte{
	[]byte("person-4711@example.com"), []byte("Ada, Countess of Lovelace"), []byte("t"), []byte("2026-11-25 12:34:56.789012+00"), []byte("4711"), []byte("12345.6789"),
}

// digits writes a number with leading zeros.
func digits(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i, n = i-1, n/10 {
		dst[i] = byte('0' + n%10)
	}
}

func (r *road) Acknowledge(context.Context, replicator.LSN) error { return nil }
func (r *road) Close() error                                      { return nil }

func (r *road) Checkpoint(context.Context) (*replicator.Checkpoint, error) {
	c := r.cp.Clone()
	return &c, nil
}

func (r *road) Fence(context.Context, replicator.Checkpoint) (replicator.Checkpoint, error) {
	return r.cp.Clone(), nil
}

func (r *road) Prepare(context.Context, *replicator.Staged) error { return nil }

func (r *road) Merge(_ context.Context, m *replicator.Merge) (replicator.Merged, error) {
	r.cp = m.Checkpoint.Clone()
	return replicator.Merged{}, nil
}

// TestNoAllocationForARow drains few rows and then many. What the many allocate beyond that is
// for objects, requests and batches, and not for each row.
func TestNoAllocationForARow(t *testing.T) {
	r := newRoad(t)
	allocations := func(rows int) float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r.drain(t, rows)
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs - before.Mallocs)
	}
	const few, many = 20_000, 120_000
	allocations(few)
	var each float64
	for range 3 { // on a busy machine a batch may be cut because of its age
		if each = (allocations(many) - allocations(few)) / (many - few); each <= 0.05 {
			t.Logf("%.4f allocations for each row", each)
			return
		}
	}
	t.Errorf("%.2f allocations for each row", each)
}

// BenchmarkRoad drains rows of about 130 bytes, in transactions of 20: pipeline, fold,
// CSV, compression and requests. Decoding is BenchmarkDecode of replicator/postgres.
func BenchmarkRoad(b *testing.B) {
	const rows = 200_000
	r := newRoad(b)
	r.backlog = true
	b.ReportAllocs()
	for b.Loop() {
		r.drain(b, rows)
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
