package bucket

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"rowshift/replicator"
)

// attempt is one try to stage a batch, or to write the files of a load. It has a folder and a
// NULL marker of its own.
type attempt struct {
	stager *Stager
	folder string
	kept   string // the folder of refused rows, which no sweep touches
	null   string
	room   *room

	mu   sync.Mutex
	keys []string // of all objects that were begun
}

// random returns an unguessable word of letters and digits.
func random() string { return strings.ToLower(rand.Text()[:16]) }

// marker returns a new NULL marker.
func marker() string { return "null" + random() }

// attempt begins an attempt. Its folder's name begins with name, and the memory for its objects
// comes from in.
func (s *Stager) attempt(epoch replicator.Epoch, name string, in *room) *attempt {
	own := fmt.Sprintf("%s%s-%s-%06d/", epochFolder(epoch), name, s.process, s.attempts.Add(1))
	return &attempt{stager: s, folder: s.folder + own, kept: s.folder + quarantineFolder + own, null: s.marker(), room: in}
}

// quarantineFolder is the folder of rows that were refused.
const quarantineFolder = "quarantine/"

// epochFolder returns the folder of an epoch's objects.
func epochFolder(epoch replicator.Epoch) string { return fmt.Sprintf("%012d/", epoch) }

// url returns the URL of a key.
func (s *Stager) url(key string) string { return "s3://" + s.bucket + "/" + key }

// put writes an object of the attempt, and notes its key for abandon.
func (a *attempt) put(ctx context.Context, key string, content io.ReadSeeker, size int) error {
	a.mu.Lock()
	a.keys = append(a.keys, key)
	a.mu.Unlock()
	return a.stager.put(ctx, key, content, size)
}

// placed is an object with rows that is in the bucket, or on its way there.
type placed struct {
	key  string
	size int
}

// manifest is what COPY reads.
// https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html
type manifest struct {
	Entries []manifestEntry `json:"entries"`
}

type manifestEntry struct {
	URL       string `json:"url"`
	Mandatory bool   `json:"mandatory"` // without it COPY silently skips a missing file
	Meta      struct {
		ContentLength int `json:"content_length"`
	} `json:"meta"`
}

// manifest describes objects, which hold that many rows together. put writes their manifest; it
// is nil if there are no objects. They need not be in the bucket yet.
func (a *attempt) manifest(ctx context.Context, name string, objects []placed, rows int64) (f replicator.Files, put func() error, err error) {
	f = replicator.Files{Null: a.null, Compression: strings.ToUpper(string(a.stager.options.Compression)), Rows: rows}
	if len(objects) == 0 {
		return f, nil, nil
	}
	var m manifest
	for _, o := range objects {
		entry := manifestEntry{URL: a.stager.url(o.key), Mandatory: true}
		entry.Meta.ContentLength = o.size
		m.Entries = append(m.Entries, entry)
		f.Objects = append(f.Objects, entry.URL)
		f.Bytes += int64(o.size)
	}
	content, err := json.Marshal(m)
	if err != nil {
		return replicator.Files{}, nil, fmt.Errorf("bucket: %w", err)
	}
	key := a.folder + name + ".manifest"
	f.Manifest = a.stager.url(key)
	f.Objects = append(f.Objects, f.Manifest)
	return f, func() error { return a.put(ctx, key, bytes.NewReader(content), len(content)) }, nil
}

// urls returns the URLs of the objects that were begun in a folder, or in all if it is empty.
func (a *attempt) urls(folder string) (urls []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range a.keys {
		if strings.HasPrefix(key, folder) {
			urls = append(urls, a.stager.url(key))
		}
	}
	return urls
}

// abandon deletes the objects of a failed attempt, as far as it can in a few seconds, even if it
// failed because the pass has ended: the next pass makes another attempt.
func (a *attempt) abandon(ctx context.Context) {
	if len(a.keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = a.stager.remove(ctx, a.keys) // the sweep deletes what is left
}
