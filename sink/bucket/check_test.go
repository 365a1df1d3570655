package bucket

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
)

func TestCheck(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name  string
		alter func(*Options)
		fails string // method that is denied
		with  fault
		want  [3]replicator.Verdict // put, list, delete
		says  []string
	}{
		{name: "fine", want: [3]replicator.Verdict{replicator.Fine, replicator.Fine, replicator.Fine}},
		{name: "no put", fails: http.MethodPut, with: denied, want: [3]replicator.Verdict{replicator.Failure, replicator.Fine, replicator.Unasked}, says: []string{"AccessDenied", `"s3:PutObject"`}},
		{name: "no list", fails: http.MethodGet, with: denied, want: [3]replicator.Verdict{replicator.Fine, replicator.Failure, replicator.Fine}, says: []string{`"s3:ListBucket"`}},
		{name: "no delete", fails: http.MethodPost, with: denied, want: [3]replicator.Verdict{replicator.Fine, replicator.Fine, replicator.Failure}, says: []string{`"s3:DeleteObject"`}},
		{name: "down", fails: http.MethodPut, with: reset, want: [3]replicator.Verdict{replicator.Unasked, replicator.Fine, replicator.Fine}, says: []string{"can be reached"}},
		{name: "put without an answer", fails: http.MethodPut, with: lost, want: [3]replicator.Verdict{replicator.Unasked, replicator.Fine, replicator.Fine}, says: []string{"can be reached"}},
		{name: "no bucket", alter: func(o *Options) { o.URL = "s3://elsewhere" }, want: [3]replicator.Verdict{replicator.Failure, replicator.Failure, replicator.Unasked}, says: []string{"aws s3 mb s3://elsewhere"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.proxy.fail(func(r *http.Request) fault {
				if r.Method == c.fails {
					return c.with
				}
				return ""
			})
			s := w.stager(func(o *Options) {
				o.Attempts, o.Patience = 2, time.Hour
				if c.alter != nil {
					c.alter(o)
				}
			})
			read, calls := "", 0
			findings := s.Check(context.Background(), func(manifest string) { read, calls = manifest, calls+1 })
			if calls != 1 || (read != "") != (c.want[0] == replicator.Fine) {
				t.Errorf("%d manifests to read, the last %q", calls, read)
			}
			if len(findings) != 3 {
				t.Fatalf("findings %+v", findings)
			}
			var all strings.Builder
			for i, f := range findings {
				if f.Verdict != c.want[i] || f.Subject != "bucket: "+[3]string{"put", "list", "delete"}[i] || f.Found == "" || (f.Repair == "") != (f.Verdict == replicator.Fine) {
					t.Errorf("finding %+v, want %s", f, c.want[i])
				}
				all.WriteString(f.Found + " " + f.Repair + "\n")
			}
			for _, says := range c.says {
				if !strings.Contains(all.String(), says) {
					t.Errorf("%s lacks %q", all.String(), says)
				}
			}
		})
	}
	w.proxy.fail(nil)
	for _, key := range w.keys() {
		if !strings.HasPrefix(key, "prefix/accounts/check-") {
			t.Errorf("left %s", key)
		}
	}
	if n := len(w.keys()); n != 1 {
		t.Errorf("%d objects are left, want the one that could not be deleted", n)
	}
}

// TestCheckOfABucketWithVersions shows that check warns of a bucket in which a deletion removes
// nothing.
func TestCheckOfABucketWithVersions(t *testing.T) {
	w := newWorld(t)
	w.proxy.fail(func(r *http.Request) fault {
		if r.Method == http.MethodPut {
			return versioned
		}
		return ""
	})
	findings := w.stager(nil).Check(t.Context(), func(string) {})
	if len(findings) != 4 {
		t.Fatalf("findings %+v", findings)
	}
	for _, f := range findings {
		if f.Subject != "bucket: versions" {
			if f.Verdict != replicator.Fine {
				t.Errorf("%+v", f)
			}
			continue
		}
		rule := `{"ID":"rowshift-versions","Status":"Enabled","Filter":{"Prefix":"prefix/accounts/"},"NoncurrentVersionExpiration":{"NoncurrentDays":1},"Expiration":{"ExpiredObjectDeleteMarker":true}}`
		if f.Verdict != replicator.Warning || !strings.Contains(f.Found, "quarantine") || !strings.Contains(f.Repair, rule) {
			t.Errorf("%+v", f)
		}
	}
}

// TestCheckDeletesAfterASlowReader shows that the object is deleted even if its reader used up
// all the time.
func TestCheckDeletesAfterASlowReader(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	findings := w.stager(nil).Check(ctx, func(string) { cancel() })
	if last := findings[len(findings)-1]; last.Verdict != replicator.Fine || len(w.keys()) > 0 {
		t.Errorf("%+v; %v are left", last, w.keys())
	}
}
