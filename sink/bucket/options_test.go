package bucket

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
)

func TestNewRefuses(t *testing.T) {
	fit := Options{URL: "s3://b/p", Pipeline: "accounts", Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("key", "secret", "")}
	for _, c := range []struct {
		name  string
		alter func(*Options)
		env   map[string]string
		want  string
	}{
		{"no bucket", func(o *Options) { o.URL = "s3:///p" }, nil, "s3://bucket/prefix"},
		{"another scheme", func(o *Options) { o.URL = "https://b/p" }, nil, "s3://bucket/prefix"},
		{"no pipeline", func(o *Options) { o.Pipeline = "" }, nil, "folder"},
		{"a pipeline that climbs", func(o *Options) { o.Pipeline = "../x" }, nil, "folder"},
		{"an unknown compression", func(o *Options) { o.Compression = "LZO" }, nil, `"LZO"`},
		{"no region", func(o *Options) { o.Region = "" }, nil, "AWS_REGION"},
		{"http beyond this machine", func(o *Options) { o.Endpoint = "http://s3.internal:9000" }, nil, "not https"},
		{"http beyond this machine, by address", func(o *Options) { o.Endpoint = "http://10.0.0.1" }, nil, "not https"},
		{"http out of the environment", func(*Options) {}, map[string]string{"AWS_ENDPOINT_URL_S3": "http://s3.internal"}, "not https"},
		{"no URL", func(o *Options) { o.Endpoint = "127.0.0.1:9000" }, nil, "not a URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cleanEnvironment(t)
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			o := fit
			c.alter(&o)
			if s, err := New(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("made %v, %v; want an error with %q", s, err, c.want)
			}
		})
	}
}

func TestNewTakes(t *testing.T) {
	cleanEnvironment(t)
	for _, c := range []struct{ url, endpoint, bucket, folder string }{
		{"s3://b", "", "b", "accounts/"},
		{"s3://b/", "https://s3.internal:9000", "b", "accounts/"},
		{"s3://b/x/y/", "http://127.0.0.1:1", "b", "x/y/accounts/"},
		{"s3://b/x", "http://[::1]:1", "b", "x/accounts/"},
		{"s3://b/x", "http://localhost:1", "b", "x/accounts/"},
	} {
		s, err := New(context.Background(), Options{URL: c.url, Endpoint: c.endpoint, Pipeline: "accounts", Region: "eu-west-1"})
		if err != nil {
			t.Errorf("%s at %q: %v", c.url, c.endpoint, err)
			continue
		}
		if s.bucket != c.bucket || s.folder != c.folder {
			t.Errorf("%s is bucket %q, folder %q", c.url, s.bucket, s.folder)
		}
		if path := s.client.Options().UsePathStyle; path != (c.endpoint != "") {
			t.Errorf("path style at %q: %v", c.endpoint, path)
		}
	}
}

// cleanEnvironment hides what the machine's user has set for AWS.
func cleanEnvironment(t testing.TB) {
	t.Helper()
	for _, name := range []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}
