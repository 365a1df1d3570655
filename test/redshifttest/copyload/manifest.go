package copyload

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// found is an object to load.
type found struct {
	Object
	mandatory bool
	entry     bool // a manifest names it
}

func (o found) url() string { return "s3://" + o.Bucket + "/" + o.Key }

// manifest is the file that COPY … MANIFEST reads
// (https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html).
type manifest struct {
	Entries []struct {
		URL       string `json:"url"`
		Mandatory bool   `json:"mandatory"`
	} `json:"entries"`
}

// objects returns what the COPY has to load, in order.
func (s *Spec) objects(ctx context.Context, store Store) ([]found, error) {
	bucket, key, ok := splitURL(s.From)
	if !ok {
		return nil, &Error{SQLState: "42601", Message: "[stand-in] COPY FROM takes 's3://bucket/key' only"}
	}
	from := Object{Bucket: bucket, Key: key, Region: s.Region}
	if s.Manifest {
		return s.listed(ctx, store, from)
	}
	objects, err := store.List(ctx, from)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, s.block(codeS3, s3Message(err), "Listing bucket="+bucket+" prefix="+key, "s3_utility.cpp:0")
	}
	if len(objects) == 0 {
		return nil, s.block(codeS3, "The specified S3 prefix '"+key+"' does not exist", "Listing bucket="+bucket+" prefix="+key, "s3_utility.cpp:0")
	}
	all := make([]found, len(objects))
	for i, o := range objects {
		all[i] = found{Object: o}
	}
	return all, nil
}

// listed returns the entries of a manifest. An entry that is listed twice is loaded
// twice.
func (s *Spec) listed(ctx context.Context, store Store, from Object) ([]found, error) {
	m, err := s.readManifest(ctx, store, from)
	if err != nil {
		return nil, err
	}
	all := make([]found, 0, len(m.Entries))
	for _, e := range m.Entries {
		bucket, key, ok := splitURL(e.URL)
		if !ok || key == "" || strings.HasSuffix(key, "/") {
			return nil, s.notFull(e.URL)
		}
		all = append(all, found{
			Object: Object{Bucket: bucket, Key: key, Region: s.Region}, mandatory: e.Mandatory, entry: true})
	}
	return all, nil
}

// nothingFound returns the error of a COPY that had no file to load: "regardless of any
// mandatory settings, COPY terminates if no files are found"
// (https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-source-s3.html).
func (s *Spec) nothingFound() error {
	return s.block(codeS3, "[stand-in] none of the manifest's files was found", "Manifest "+s.From, "s3_utility.cpp:0")
}

func (s *Spec) openFailed(ctx context.Context, o found, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, ErrNoSuchKey) && o.entry {
		// https://github.com/uswitch/blueshift/issues/3
		return s.block(codeS3, "Mandatory url is not present in manifest file.", "S3 key being read : "+o.url(), "s3_utility.cpp:0")
	}
	return s.block(codeS3, s3Message(err), "S3 key being read : "+o.url(), "table_s3_scanner.cpp:0")
}

// notFull returns the error for something that is no full key, and for a manifest that
// may not be read (https://github.com/PostHog/posthog/issues/61603).
func (s *Spec) notFull(url string) error {
	return s.block(codeS3, "COPY with MANIFEST parameter requires full path of an S3 object.", url, "s3_utility.cpp:0")
}

func (s *Spec) readManifest(ctx context.Context, store Store, from Object) (manifest, error) {
	var m manifest
	if from.Key == "" || strings.HasSuffix(from.Key, "/") {
		return m, s.notFull(s.From)
	}
	const limit = 64 << 20
	text, err := readAll(ctx, store, from, limit)
	switch {
	case ctx.Err() != nil:
		return m, context.Cause(ctx)
	case errors.Is(err, ErrAccessDenied):
		return m, s.notFull(s.From)
	case err != nil:
		return m, s.block(codeS3, "Problem reading manifest file - "+s3Message(err), s.From, "s3_utility.cpp:0")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, s.block(codeS3, "Problem reading manifest file - [stand-in] it is not a manifest: "+err.Error(), s.From, "s3_utility.cpp:0")
	}
	return m, nil
}

func readAll(ctx context.Context, store Store, o Object, limit int64) ([]byte, error) {
	body, err := store.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(body, limit))
	return text, errors.Join(err, body.Close())
}

// splitURL splits an s3:// URL. The key may be empty, since a prefix may be.
func splitURL(url string) (bucket, key string, ok bool) {
	rest, ok := strings.CutPrefix(url, "s3://")
	if !ok {
		return "", "", false
	}
	bucket, key, _ = strings.Cut(rest, "/")
	return bucket, key, bucket != ""
}
