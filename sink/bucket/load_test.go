package bucket

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"rowshift/replicator"
)

// incompressible returns hexadecimal digits, which no compressor makes smaller than half.
func incompressible(seed, n int) string {
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	b := make([]byte, n/2)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return hex.EncodeToString(b)
}

// TestLoad writes parts at the same time. One fails, and one is never closed.
func TestLoad(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	files, err := w.stager(func(o *Options) { o.ObjectBytes = 4 << 10 }).Load(ctx, replicator.LoadRequest{Epoch: 7, Into: "load_7_1", Table: person(t)})
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	var want []string
	for n := range 4 {
		for i := range 500 {
			want = append(want, fmt.Sprintf("%d|a|%s|~", n*1000+i, incompressible(i, 100)))
		}
		g.Go(func() error {
			part, err := files.Part(ctx)
			if err != nil {
				return err
			}
			for i := range 500 {
				if err := part.Write(tuple(n*1000+i, "a", incompressible(i, 100), nil)); err != nil {
					return err
				}
			}
			return part.Close()
		})
	}
	forgotten, err := files.Part(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := forgotten.Write(tuple(9, "forgotten", "x", nil)); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(ctx)
	failed, err := files.Part(ended)
	if err != nil {
		t.Fatal(err)
	}
	if err := failed.Write(tuple(9, "failed", "x", nil)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := failed.Close(); err == nil {
		t.Error("a part was closed whose context had ended")
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	loaded, err := files.Cut(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rows := w.rows(loaded.Files)
	slices.Sort(rows)
	slices.Sort(want)
	if !slices.Equal(rows, want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
	form := regexp.MustCompile(`^prefix/accounts/000000000007/load-[a-z0-9]+-\d{6}/4711-(\d-\d{6}\.csv\.zst|\d{6}\.manifest)$`)
	for _, key := range w.keys() {
		if !form.MatchString(key) {
			t.Errorf("%s", key)
		}
	}
}

func TestLoadOfNothing(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	files, err := w.stager(nil).Load(ctx, replicator.LoadRequest{Epoch: 1, Into: "load_1_1", Table: person(t)})
	if err != nil {
		t.Fatal(err)
	}
	part, err := files.Part(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := part.Close(); err != nil {
		t.Fatal(err)
	}
	loaded, err := files.Cut(ctx)
	if err != nil || loaded.Manifest != "" || loaded.Rows != 0 || len(w.keys()) != 0 {
		t.Errorf("%+v, %v, %q", loaded, err, w.keys())
	}
}

// TestMemoryIsBounded writes a large load in several parts at once, half of which no
// compressor makes much smaller, and looks at what is alive meanwhile.
func TestMemoryIsBounded(t *testing.T) {
	const (
		parts = 8
		look  = 10 << 20
		limit = 8<<20 + parts*(2*blockBytes+2<<20) // the room, and for each part what it may have in any case and a compressor
	)
	w := newWorld(t)
	ctx := context.Background()
	s := w.stager(func(o *Options) { o.Memory = 16 << 20 })
	files, err := s.Load(ctx, replicator.LoadRequest{Epoch: 1, Into: "load_1_1", Table: person(t)})
	if err != nil {
		t.Fatal(err)
	}
	var open [parts]replicator.LoadPart
	for i := range open {
		if open[i], err = files.Part(ctx); err != nil {
			t.Fatal(err)
		}
	}
	texts := make([]string, 64)
	for i := range texts {
		texts[i] = incompressible(i, 16<<10) + strings.Repeat("x", 16<<10)
	}
	before, most := alive(), uint64(0)
	written, looked := 0, 0
	for i := 0; written < largeLoad; i++ {
		text := texts[i/parts%len(texts)]
		if err := open[i%parts].Write(tuple(i, "a", text, nil)); err != nil {
			t.Fatal(err)
		}
		if written += len(text); written-looked >= look {
			looked = written
			most = max(most, alive())
		}
	}
	for _, p := range open {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := files.Cut(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Bytes < largeLoad/5 || len(loaded.Objects) < parts+2 {
		t.Errorf("only %d bytes in %d objects", loaded.Bytes, len(loaded.Objects))
	}
	if most -= min(most, before); most > limit {
		t.Errorf("%d MiB were alive", most>>20)
	}
	if left := s.loads.others.Load(); left != s.batches.others.Load() {
		t.Errorf("%d blocks of memory are left of %d", left, s.batches.others.Load())
	}
	t.Logf("%d MiB in %d objects, %d MiB alive at most", loaded.Bytes>>20, len(loaded.Objects), most>>20)
}

// TestAPartThatIsGivenUpLeavesItsRoom shows that loads that end early, and parts whose objects
// cannot be put, do not keep memory from later ones.
func TestAPartThatIsGivenUpLeavesItsRoom(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(context.Background())
	s := w.stager(func(o *Options) { o.Memory = 16 << 20 })
	files, err := s.Load(ctx, replicator.LoadRequest{Epoch: 1, Into: "load_1_1", Table: person(t)})
	if err != nil {
		t.Fatal(err)
	}
	whole := s.loads.others.Load()
	for _, end := range []struct {
		name string
		do   func(replicator.LoadPart)
	}{
		{"given up", func(p replicator.LoadPart) { p.Abandon() }},
		{"cannot be put", func(p replicator.LoadPart) {
			stop()
			if p.Close() == nil {
				t.Error("a part is closed whose context is done")
			}
		}},
	} {
		p, err := files.Part(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 64 {
			if err := p.Write(tuple(i, "a", incompressible(i, 32<<10), nil)); err != nil {
				t.Fatal(err)
			}
		}
		if s.loads.others.Load() == whole {
			t.Fatalf("%s: it takes no room", end.name)
		}
		if end.do(p); s.loads.others.Load() != whole {
			t.Errorf("%s: %d blocks of %d are left", end.name, s.loads.others.Load(), whole)
		}
	}
}

// alive returns the bytes of heap that are in use.
func alive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
