package redshifttest_test

import (
	"bytes"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/test/pgtest"
	"rowshift/test/redshifttest"
	"rowshift/test/s3test"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"
)

// speedTable is a typical table.
const speedTable = `CREATE TABLE t (id VARCHAR(36), name VARCHAR(65535), email VARCHAR(256), n BIGINT, small INTEGER,
	price DECIMAL(12,2), ratio DOUBLE PRECISION, flag BOOLEAN, day DATE, at TIMESTAMPTZ)`

func speedRows(from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `"%08x-9c0b-4ef8-bb6d-6bb9bd380a11","Name of person, ""%d""","person%d@example.com","%d","%d","%d.%02d","0.%d","t","2026-%02d-%02d","2026-11-24 10:%02d:%02d.%06d+00"`+"\n",
			i, i, i, int64(i)*1_000_003, i%1000, i, i%100, i, i%12+1, i%28+1, i%60, i%60, i%1_000_000)
	}
	return b.Bytes()
}

// speedWorld is a stand-in with an S3 server and a backing server.
type speedWorld struct {
	conn    *pgx.Conn
	s3      *s3test.Server
	backing string // DSN of the stand-in's database
	copy    string // the COPY statement
	rows    string // a file that psql loads
}

func newSpeedWorld(b *testing.B, rows, parts int) *speedWorld {
	b.Helper()
	postgres := pgtest.Start(b, pgtest.Options{Least: redshifttest.BackingMajor})
	w := &speedWorld{s3: s3test.Start(b), backing: postgres.DSN("dev"), rows: filepath.Join(b.TempDir(), "rows.csv")}
	s, err := redshifttest.New(b.Context(), redshifttest.Options{
		Postgres: postgres.DSN("postgres"), S3Endpoint: w.s3.Endpoint(), S3Region: w.s3.Region, S3AccessKey: w.s3.AccessKey, S3SecretKey: w.s3.SecretKey,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	w.conn, err = pgx.Connect(b.Context(), "postgres://dev:dev@"+s.Addr()+"/dev?sslmode=disable&default_query_exec_mode=exec")
	if err != nil {
		b.Fatal(err)
	}
	w.execute(b, speedTable)
	if err := os.WriteFile(w.rows, speedRows(0, rows), 0o600); err != nil {
		b.Fatal(err)
	}
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	var entries []string
	for part := range parts {
		url := w.s3.Put(b, fmt.Sprint("part", part), packer.EncodeAll(speedRows(part*rows/parts, (part+1)*rows/parts), nil))
		entries = append(entries, `{"url":"`+url+`","mandatory":true}`)
	}
	manifest := w.s3.Put(b, "manifest", []byte(`{"entries":[`+strings.Join(entries, ",")+`]}`))
	w.copy = "COPY t FROM '" + manifest + "' IAM_ROLE 'arn:aws:iam::123456789012:role/r' FORMAT AS CSV ZSTD MANIFEST NULL AS '@@NULL@@' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF"
	return w
}

func (w *speedWorld) execute(b *testing.B, sql string) time.Duration {
	b.Helper()
	start := time.Now()
	if _, err := w.conn.Exec(b.Context(), sql); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// BenchmarkCopyAgainstPsql compares a COPY of 100,000 rows through the stand-in with
// psql's \copy of the same rows into the same table, in turns.
func BenchmarkCopyAgainstPsql(b *testing.B) {
	psql, err := osexec.LookPath("psql")
	if err != nil {
		b.Skip("no psql to compare with")
	}
	const rows, parts = 100_000, 4
	w := newSpeedWorld(b, rows, parts)
	var ours, theirs []time.Duration
	for b.Loop() {
		w.execute(b, "TRUNCATE t")
		ours = append(ours, w.execute(b, w.copy))
		w.execute(b, "TRUNCATE t")
		start := time.Now()
		if out, err := osexec.Command(psql, "-X", "-q", "-d", w.backing, "-c", `\copy t from '`+w.rows+`' with (format csv)`).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		theirs = append(theirs, time.Since(start))
	}
	b.ReportMetric(median(ours).Seconds(), "s/copy")
	b.ReportMetric(median(theirs).Seconds(), "s/psql")
	b.ReportMetric(median(ours).Seconds()/median(theirs).Seconds(), "times-psql")
}

// BenchmarkSmallCopy measures a COPY of a thousand rows in four parts.
func BenchmarkSmallCopy(b *testing.B) {
	const rows, parts = 1000, 4
	w := newSpeedWorld(b, rows, parts)
	var all []time.Duration
	for b.Loop() {
		all = append(all, w.execute(b, w.copy))
	}
	b.ReportMetric(median(all).Seconds()*1000, "ms/copy")
}
