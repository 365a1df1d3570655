package conformance

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// bucketFolder is a folder in a bucket, for this run only.
type bucketFolder struct {
	client       *s3.Client
	bucket, path string // path does not end with a slash
	region       string
	endpoint     string // of another S3 server than Amazon's
}

// openFolder makes a client as AWS's own tools do. At the end of the test it removes what
// is in the folder.
func openFolder(t *testing.T, at, id string) *bucketFolder {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		t.Fatalf("REDSHIFT_TEST_BUCKET: %q is not s3://bucket/prefix", at)
	}
	c, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &bucketFolder{bucket: u.Host, path: strings.TrimPrefix(u.Path+"/"+id, "/"), region: c.Region, endpoint: os.Getenv("AWS_ENDPOINT_URL_S3")}
	f.client = s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = f.endpoint != "" })
	t.Cleanup(func() {
		if err := f.remove(context.Background()); err != nil {
			t.Errorf("%s is left behind: %v", f.url(), err)
		}
	})
	return f
}

// remove deletes everything that is in the folder.
func (f *bucketFolder) remove(ctx context.Context) error {
	prefix := f.path + "/"
	pages := s3.NewListObjectsV2Paginator(f.client, &s3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			if _, err := f.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &f.bucket, Key: o.Key}); err != nil {
				return err
			}
		}
	}
	return nil
}

// put writes an object, which it compresses if the name ends in .gz.
func (f *bucketFolder) put(ctx context.Context, name string, content []byte) error {
	if strings.HasSuffix(name, ".gz") {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(content) // writing to a buffer cannot fail
		_ = w.Close()
		content = b.Bytes()
	}
	key := f.path + "/" + name
	_, err := f.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &f.bucket, Key: &key, Body: bytes.NewReader(content)})
	return err
}

// url returns the folder's URL.
func (f *bucketFolder) url() string { return "s3://" + f.bucket + "/" + f.path }

// putObjects writes a behaviour's objects, and for each a manifest with the object as a
// mandatory entry.
func (s *server) putObjects(objects []object) error {
	for _, o := range objects {
		name := s.t.Name()[strings.LastIndex(s.t.Name(), "/")+1:] + "/" + o.name
		if err := s.bucket.put(s.ctx, name, []byte(s.filled(o.content))); err != nil {
			return err
		}
		manifest := fmt.Sprintf(`{"entries": [{"url": "%s/%s", "mandatory": true}]}`, s.bucket.url(), name)
		if err := s.bucket.put(s.ctx, name+".manifest", []byte(manifest)); err != nil {
			return err
		}
	}
	return nil
}
