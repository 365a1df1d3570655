package bucket

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/test/proxytest"
)

// times is a rule that fails the first n puts of objects with rows.
func times(n int, f fault) func(*http.Request) fault {
	return func(r *http.Request) fault {
		if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, ".zst") || n == 0 {
			return ""
		}
		n--
		return f
	}
}

// always is a rule that fails all puts.
func always(f fault) func(*http.Request) fault {
	return func(r *http.Request) fault {
		if r.Method != http.MethodPut {
			return ""
		}
		return f
	}
}

// one is a batch of one row, large enough to be cut on its way.
func one(t *testing.T) *replicator.Batch {
	return &replicator.Batch{End: 1, Folds: []*replicator.Fold{fold(t, person(t), "", insert(1, "a", incompressible(1, 60000), nil))}}
}

// TestPassingFaults proves that a fault that goes away is not noticed, and that what is in the
// bucket is whole.
func TestPassingFaults(t *testing.T) {
	w := newWorld(t)
	for _, f := range []fault{busy, reset, cut, lost, stall} {
		t.Run(string(f), func(t *testing.T) {
			s := w.stager(func(o *Options) { o.Timeout = 2 * time.Second })
			w.proxy.fail(times(1, f))
			staged, err := s.Stage(context.Background(), 1, one(t))
			if err != nil {
				t.Fatal(err)
			}
			if n := w.proxy.failures(); n != 1 {
				t.Errorf("%d faults", n)
			}
			if rows := w.rows(staged.Folds[0].Files); !slices.Equal(rows, []string{"1|a|" + incompressible(1, 60000) + "|~|f"}) {
				t.Errorf("%d rows", len(rows))
			}
		})
	}
}

// TestLastingFaults proves that a fault that stays is reported as an error to try again, and
// that the next try succeeds.
func TestLastingFaults(t *testing.T) {
	w := newWorld(t)
	for _, f := range []fault{busy, reset, cut, stall} {
		t.Run(string(f), func(t *testing.T) {
			s := w.stager(func(o *Options) {
				o.Attempts = 2
				if f == stall {
					o.Timeout = 4 * time.Second
				}
			})
			w.proxy.fail(always(f))
			_, err := s.Stage(context.Background(), 1, one(t))
			var failed *Error
			if !errors.As(err, &failed) || failed.Op != "put" || !replicator.Retryable(err) || replicator.Final(err) {
				t.Errorf("%v", err)
			}
			if n := w.proxy.failures(); n != 2*2 { // of the rows, and of the manifest beside it
				t.Errorf("%d tries", n)
			}
			w.proxy.fail(nil)
			if staged, err := s.Stage(context.Background(), 1, one(t)); err != nil || len(w.rows(staged.Folds[0].Files)) != 1 {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

// TestManifestBesideItsPart proves that a fold's manifest does not wait until its last object is
// in the bucket, and that nobody is told of one without the other.
func TestManifestBesideItsPart(t *testing.T) {
	w := newWorld(t)
	some := func() *replicator.Batch { // more than one block of memory
		var rows []replicator.Change
		for i := range 10 {
			rows = append(rows, insert(i, "a", incompressible(i, 60000), nil))
		}
		return &replicator.Batch{End: 1, Folds: []*replicator.Fold{fold(t, person(t), "", rows...)}}
	}
	front := proxytest.StartHTTP(t, w.server.Endpoint())
	s := w.stager(func(o *Options) { o.Endpoint, o.Timeout, o.Attempts = front.URL(), 10*time.Second, 1 })
	manifest := make(chan struct{})
	front.Add(proxytest.Rule{Times: 1, Hold: manifest, Match: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ".zst") }})
	front.Add(proxytest.Rule{Match: func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".manifest") {
			close(manifest)
		}
		return false
	}})
	if staged, err := s.Stage(context.Background(), 1, some()); err != nil || len(w.rows(staged.Folds[0].Files)) != 10 {
		t.Fatalf("the manifest was not there while its object was held: %v", err)
	}
	front.Clear()
	for _, ending := range []string{".zst", ".manifest"} {
		before, room := len(w.keys()), s.batches.others.Load()
		front.Add(proxytest.Rule{Status: http.StatusServiceUnavailable, Code: "SlowDown", Match: func(r *http.Request) bool {
			return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ending)
		}})
		if staged, err := s.Stage(context.Background(), 1, some()); err == nil {
			t.Errorf("%v is told of without its %s", staged.Folds[0].Files.Objects, ending)
		}
		front.Clear()
		if n := len(w.keys()); n != before {
			t.Errorf("%d objects are left of what was given up without its %s", n-before, ending)
		}
		if left := s.batches.others.Load(); left != room {
			t.Errorf("%d blocks of memory are left of %d, after a %s was refused", left, room, ending)
		}
	}
}

// TestRefusalHeals proves that rights which are missing for a while do not halt, while rights
// which stay missing do, with the statement that gives them.
func TestRefusalHeals(t *testing.T) {
	w := newWorld(t)
	s := w.stager(nil)
	w.proxy.fail(always(denied))
	for range 2 {
		if _, err := s.Stage(context.Background(), 1, one(t)); !replicator.Retryable(err) || replicator.Final(err) {
			t.Fatalf("at first: %v", err)
		}
	}
	w.proxy.fail(nil)
	if _, err := s.Stage(context.Background(), 1, one(t)); err != nil {
		t.Fatalf("healed: %v", err)
	}
	w.proxy.fail(always(denied))
	s.options.Patience = -1
	_, err := s.Stage(context.Background(), 1, one(t))
	var halt *replicator.Halt
	if !errors.As(err, &halt) || halt.Reason != replicator.BucketUnfit || !strings.Contains(halt.Repair, "s3:PutObject") {
		t.Errorf("for good: %v", err)
	}
	if strings.Contains(err.Error(), secretKey) {
		t.Error("the error holds the secret")
	}
}

func TestNoSuchBucket(t *testing.T) {
	w := newWorld(t)
	s := w.stager(func(o *Options) { o.URL = "s3://elsewhere/prefix" })
	_, err := s.Stage(context.Background(), 1, one(t))
	var halt *replicator.Halt
	if !errors.As(err, &halt) || halt.Reason != replicator.BucketUnfit || !strings.Contains(halt.Repair, "aws s3 mb s3://elsewhere") {
		t.Errorf("%v", err)
	}
	if _, err := s.Sweep(context.Background(), 1); !replicator.Final(err) {
		t.Errorf("sweep: %v", err)
	}
}

func TestCancelledStage(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	w.proxy.fail(func(r *http.Request) fault {
		cancel()
		return stall
	})
	_, err := w.stager(nil).Stage(ctx, 1, one(t))
	if !errors.Is(err, context.Canceled) || replicator.Retryable(err) || replicator.Final(err) {
		t.Errorf("%v", err)
	}
}

// TestRequests looks at the headers of puts: they have a checksum, and name the key.
func TestRequests(t *testing.T) {
	w := newWorld(t)
	w.proxy.fail(always(denied)) // the gateway knows no keys
	const key = "arn:aws:kms:us-east-1:1:key/k"
	if _, err := w.stager(func(o *Options) { o.KMSKey = key }).Stage(context.Background(), 1, one(t)); err == nil {
		t.Fatal("it was put")
	}
	h := w.proxy.headers[0]
	if h.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != key {
		t.Errorf("encryption: %v", h)
	}
	if h.Get("X-Amz-Checksum-Crc32") == "" && h.Get("X-Amz-Trailer") == "" {
		t.Errorf("no checksum: %v", h)
	}
}
