package postgres

import (
	"testing"

	"rowshift/replicator"
	"rowshift/test/pgtest"
)

// BenchmarkStream reads rows of about 100 bytes out of a real slot, in transactions of
// 20, by TCP, with and without TLS.
func BenchmarkStream(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkStream(b, newWorld(b)) })
	b.Run("tls", func(b *testing.B) {
		benchmarkStream(b, on(newWorld(b), pgtest.Start(b, pgtest.Options{TLS: true, Auth: pgtest.SCRAM})))
	})
}

func benchmarkStream(b *testing.B, w *world) {
	b.Helper()
	const rows = 200_000
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text, n numeric, t timestamptz)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	w.exec(other, `DO $$ BEGIN FOR i IN 1..10000 LOOP
		INSERT INTO a SELECT i * 20 + n, repeat('x', 50), n / 7.0, now() FROM generate_series(0, 19) n; COMMIT; END LOOP; END $$`)
	to := w.marked()
	for b.Loop() {
		source, _, err := w.Open(b.Context(), replicator.OpenRequest{After: start})
		if err != nil {
			b.Fatal(err)
		}
		got := 0
		for {
			c, err := source.Next(b.Context(), 0)
			if err != nil {
				b.Fatal(err)
			}
			if c.Op == replicator.Insert {
				got++
			}
			if (c.Op == replicator.Mark || c.Op == replicator.Commit) && c.LSN >= to {
				break
			}
		}
		if got != rows {
			b.Fatalf("%d rows", got)
		}
		source.Close()
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
