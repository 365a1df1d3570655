package s3test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Client returns an S3 client for everything that the methods below do not offer.
func (s *Server) Client() *s3.Client { return s.client }

// Objects returns the keys in the bucket that begin with prefix, in order.
func (s *Server) Objects(t testing.TB, prefix string) []string {
	t.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			keys = append(keys, *object.Key)
		}
	}
	return keys
}

// Get returns the content of an object.
func (s *Server) Get(t testing.TB, key string) []byte {
	t.Helper()
	out, err := s.client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	content, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Put writes an object and returns its s3:// URL.
func (s *Server) Put(t testing.TB, key string, content []byte) string {
	t.Helper()
	_, err := s.client.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &s.Bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	return "s3://" + s.Bucket + "/" + key
}

// Delete removes objects. A missing one is no error.
func (s *Server) Delete(t testing.TB, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if _, err := s.client.DeleteObject(context.Background(), &s3.DeleteObjectInput{Bucket: &s.Bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
}
