package s3test_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"rowshift/test/s3test"
)

var shared s3test.Shared

func TestMain(m *testing.M) {
	defer shared.Close()
	m.Run()
}

func TestObjectsComeAndGo(t *testing.T) {
	s := shared.Server(t)
	if url := s.Put(t, "a/1", []byte("one")); url != "s3://test-bucket/a/1" {
		t.Errorf("url is %s", url)
	}
	s.Put(t, "a/2", []byte("two"))
	s.Put(t, "b/3", []byte("three"))
	if diff := cmp.Diff([]string{"a/1", "a/2"}, s.Objects(t, "a/")); diff != "" {
		t.Error(diff)
	}
	if got := string(s.Get(t, "b/3")); got != "three" {
		t.Errorf("b/3 is %q", got)
	}
	s.Delete(t, "a/1", "never/there")
	if diff := cmp.Diff([]string{"a/2", "b/3"}, s.Objects(t, "")); diff != "" {
		t.Error(diff)
	}
}

func status(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

func TestServerIsStrict(t *testing.T) {
	s := shared.Server(t)
	stranger := s3.New(s3.Options{
		Region: s.Region, BaseEndpoint: aws.String(s.Endpoint()), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, "not the key", ""),
	})
	_, err := stranger.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &s.Bucket, Key: aws.String("x")})
	if status(err) != http.StatusForbidden {
		t.Errorf("a wrong signature: %v", err)
	}
	_, err = s.Client().PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &s.Bucket, Key: aws.String("x"), Body: strings.NewReader("content"), ChecksumCRC32: aws.String("AAAAAA==")})
	if status(err) != http.StatusBadRequest {
		t.Errorf("a wrong checksum: %v", err)
	}
	s.Put(t, "once", nil)
	_, err = s.Client().PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: &s.Bucket, Key: aws.String("once"), Body: strings.NewReader("content"), IfNoneMatch: aws.String("*")})
	if status(err) != http.StatusPreconditionFailed {
		t.Errorf("a conditional write over an object: %v", err)
	}
}

func TestOptionsAndClose(t *testing.T) {
	s, err := s3test.New(t.Context(), s3test.Options{Region: "eu-west-1", AccessKey: "me", SecretKey: "my own secret", Bucket: "elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	s.Put(t, "k", []byte("v"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	if resp, err := http.Get(s.Endpoint()); err == nil {
		resp.Body.Close()
		t.Error("a closed server answers")
	}
}
