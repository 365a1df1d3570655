package bucket

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
)

func TestDiscard(t *testing.T) {
	w := newWorld(t)
	s := w.stager(nil)
	var objects []string
	for i := range maxDelete + 5 {
		key := fmt.Sprintf("prefix/accounts/000000000001/x/%04d", i)
		w.write(key)
		objects = append(objects, w.url(key))
	}
	w.write("prefix/accounts/000000000001/y")
	if err := s.Discard(context.Background(), objects); err != nil {
		t.Fatal(err)
	}
	if keys := w.keys(); !slices.Equal(keys, []string{"prefix/accounts/000000000001/y"}) {
		t.Errorf("left %d: %q...", len(keys), keys[:min(3, len(keys))])
	}
	if err := s.Discard(context.Background(), objects[:2]); err != nil {
		t.Errorf("what is gone: %v", err)
	}
	if err := s.Discard(context.Background(), nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
	for _, stranger := range []string{"s3://other/prefix/accounts/1", w.url("prefix/other/1"), "prefix/accounts/1"} {
		if err := s.Discard(context.Background(), []string{stranger}); err == nil {
			t.Errorf("%s was discarded", stranger)
		}
	}
	w.proxy.fail(func(r *http.Request) fault { return denied })
	if err := s.Discard(context.Background(), objects[:1]); !replicator.Retryable(err) {
		t.Errorf("denied: %v", err)
	}
}

func TestSweep(t *testing.T) {
	w := newWorld(t)
	old := w.stager(nil)
	for _, epoch := range []replicator.Epoch{5, 6, 7, 12} {
		if _, err := old.Stage(context.Background(), epoch, one(t)); err != nil {
			t.Fatal(err)
		}
	}
	strangers := []string{"prefix/accounts/1/not-ours", "prefix/accounts2/000000000001/x", "prefix/accounts/quarantine/x"}
	for _, key := range append(strangers, "prefix/accounts/check-crashed") {
		w.write(key)
	}
	if n, err := old.Sweep(context.Background(), 7); n != 0 || err != nil {
		t.Errorf("swept %d young objects, %v", n, err)
	}
	s := w.stager(func(o *Options) { o.SweepAge = -time.Hour }) // as if they were older
	if n, err := s.Sweep(context.Background(), 7); n != 5 || err != nil {
		t.Errorf("swept %d, %v; want two attempts of two objects, and one of a check", n, err)
	}
	left := w.keys()
	for _, key := range strangers {
		if !slices.Contains(left, key) {
			t.Errorf("%s is gone", key)
		}
	}
	for _, key := range left {
		if strings.Contains(key, "/000000000005/") || strings.Contains(key, "/000000000006/") || strings.Contains(key, "check-") {
			t.Errorf("%s is left", key)
		}
	}
	if len(left) != len(strangers)+4 {
		t.Errorf("left %q", left)
	}
	w.proxy.fail(func(r *http.Request) fault {
		if r.Method == http.MethodGet {
			return denied
		}
		return ""
	})
	if n, err := s.Sweep(context.Background(), 20); n != 0 || !replicator.Retryable(err) {
		t.Errorf("swept %d, %v, without the right to list", n, err)
	}
}

// The objects of refused rows are not listed as long as the daemon that put them may merge them,
// however long that takes.
func TestKept(t *testing.T) {
	w := newWorld(t)
	key := func(epoch string) string { return "prefix/accounts/quarantine/" + epoch + "/x.jsonl.zst" }
	for _, key := range []string{key("000000000006"), key("000000000007"), key("000000000012"), key("12"), "prefix/accounts/000000000006/x"} {
		w.write(key)
	}
	if got, err := w.stager(nil).Kept(context.Background(), 7); len(got) != 0 || err != nil {
		t.Errorf("young ones are listed: %q, %v", got, err)
	}
	s := w.stager(func(o *Options) { o.SweepAge = -time.Hour }) // as if they were older
	if got, err := s.Kept(context.Background(), 7); !slices.Equal(got, []string{w.url(key("000000000006"))}) || err != nil {
		t.Errorf("listed %q, %v", got, err)
	}
}
