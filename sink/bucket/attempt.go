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

// attempt is one try to stage a batch or to write a load's files: a folder of its
// own, and a NULL marker of its own.
type attempt struct {
	stager *Stager
	folder string
	kept   string // the folder of rows that are refused, which no sweep looks at
	null   string
	room   *room

	mu   sync.Mutex
	keys []string // of all objects that were begun
}

// random returns an unguessable word of letters and digits.
func random() string { return strings.ToLower(rand.Text()[:16]) }

// marker returns a new NULL marker.
func marker() string { return "null" + random() }

// attempt begins one whose folder has that name before its own, and whose objects are in
// that room.
func (s *Stager) attempt(epoch replicator.Epoch, name string, in *room) *attempt {
	own := fmt.Sprintf("%s%s-%s-%06d/", epochFolder(epoch), name, s.process, s.attempts.Add(1))
	return &attempt{stager: s, folder: s.folder + own, kept: s.folder + quarantineFolder + own, null: s.marker(), room: in}
}

// quarantineFolder is where rows are that were refused.
const quarantineFolder = "quarantine/"

// epochFolder is where the objects of an epoch are.
func epochFolder(epoch replicator.Epoch) string { return fmt.Sprintf("%012d/", epoch) }

// url returns the URL of a key.
func (s *Stager) url(key string) string { return "s3://" + s.bucket + "/" + key }

// put writes an object of the attempt.
func (a *attempt) put(ctx context.Context, key string, content io.ReadSeeker, size int) error {
	a.mu.Lock()
	a.keys = append(a.keys, key)
	a.mu.Unlock()
	return a.stager.put(ctx, key, content, size)
}

// placed is an object of a part, in the bucket.
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
	Mandatory bool   `json:"mandatory"` // without it COPY skips a missing file in silence
	Meta      struct {
		ContentLength int `json:"content_length"`
	} `json:"meta"`
}

// manifest lists parts that hold that many rows, and how the manifest is put; put is nil
// if there are none. The parts need not be there yet.
func (a *attempt) manifest(ctx context.Context, name string, parts []placed, rows int64) (f replicator.Files, put func() error, err error) {
	f = replicator.Files{Null: a.null, Compression: string(a.stager.options.Compression), Rows: rows}
	if len(parts) == 0 {
		return f, nil, nil
	}
	var m manifest
	for _, part := range parts {
		entry := manifestEntry{URL: a.stager.url(part.key), Mandatory: true}
		entry.Meta.ContentLength = part.size
		m.Entries = append(m.Entries, entry)
		f.Objects = append(f.Objects, entry.URL)
		f.Bytes += int64(part.size)
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

// abandon deletes what an attempt that failed has left, as far as that goes in a few
// seconds. A daemon that is told to end leaves it to the sweep.
func (a *attempt) abandon(ctx context.Context) {
	if ctx.Err() != nil || len(a.keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_ = a.stager.remove(ctx, a.keys) // the sweep takes what is left
}
