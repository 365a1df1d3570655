package bucket

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"rowshift/replicator"
)

// wantAll checks that the bucket holds these objects and no others, and that it is empty once
// they are discarded.
func (w *world) wantAll(s *Stager, objects []string) {
	w.t.Helper()
	var urls []string
	for _, key := range w.keys() {
		urls = append(urls, w.url(key))
	}
	slices.Sort(objects)
	if len(urls) == 0 || !slices.Equal(urls, objects) {
		w.t.Errorf("%q are known of %q", objects, urls)
	}
	if err := s.Discard(context.Background(), objects); err != nil {
		w.t.Error(err)
	}
	if keys := w.keys(); len(keys) != 0 {
		w.t.Errorf("left %q", keys)
	}
}

// TestObjectsOfABatch shows that a batch which is not merged can be deleted, with the rows that
// were refused.
func TestObjectsOfABatch(t *testing.T) {
	w := newWorld(t)
	s, table := w.stager(nil), ruled(t)
	staged, err := s.Stage(context.Background(), 7, &replicator.Batch{End: 9, Folds: []*replicator.Fold{at(t, table, refusable(t)...)}})
	if err != nil {
		t.Fatal(err)
	}
	if len(staged.Kept) != 1 {
		t.Errorf("kept %q", staged.Kept)
	}
	w.wantAll(s, slices.Concat(staged.Folds[0].Files.Objects, staged.Folds[0].Ledger.Objects, staged.Kept))
}

// TestObjectsOfALoad shows that a load which is given up can be deleted: what was cut, what was
// only closed, what was abandoned with objects in the bucket, and the rows that were refused.
func TestObjectsOfALoad(t *testing.T) {
	w := newWorld(t)
	s := w.stager(func(o *Options) { o.ObjectBytes = 4 << 10 })
	files, err := s.Load(context.Background(), replicator.LoadRequest{Epoch: 7, Table: ruled(t)})
	if err != nil {
		t.Fatal(err)
	}
	for n, end := range []func(replicator.LoadPart){
		func(p replicator.LoadPart) {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if _, err := files.Cut(context.Background()); err != nil {
				t.Error(err)
			}
		},
		func(p replicator.LoadPart) {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		},
		func(p replicator.LoadPart) { p.Abandon() },
	} {
		before := len(w.keys())
		part, err := files.Part(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5000 {
			bio := incompressible(i, 200)
			if i%100 == 0 {
				bio = "a\xffb"
			}
			if err := part.Write(tuple(n*10000+i, "a", bio, nil)); err != nil {
				t.Fatal(err)
			}
		}
		if end(part); len(w.keys()) == before {
			t.Errorf("part %d has put nothing", n)
		}
	}
	w.wantAll(s, files.Objects())
}

// TestStageThatIsCutOff shows that a batch leaves nothing if its pass ends while it is staged.
func TestStageThatIsCutOff(t *testing.T) {
	w := newWorld(t)
	ctx, end := context.WithCancel(context.Background())
	var puts atomic.Int64
	w.proxy.fail(func(r *http.Request) fault {
		if r.Method != http.MethodPut || puts.Add(1) < 3 {
			return ""
		}
		end()
		return stall
	})
	if _, err := w.stager(func(o *Options) { o.Parallel = 1 }).Stage(ctx, 7, batch(t)); err == nil || puts.Load() < 3 {
		t.Errorf("%v after %d puts", err, puts.Load())
	}
	if keys := w.keys(); len(keys) != 0 {
		t.Errorf("left %q", keys)
	}
}
