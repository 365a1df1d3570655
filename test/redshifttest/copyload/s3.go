package copyload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// S3Options say where the buckets are and how to open them.
type S3Options struct {
	// Endpoint is a URL for path-style addresses; empty means Amazon's.
	Endpoint string
	// Region is the region of the buckets and of the cluster. A COPY that names another
	// one is refused as S3 refuses it.
	Region string
	// AccessKey and SecretKey; if they are empty, the SDK looks for credentials itself.
	AccessKey, SecretKey string
}

// S3Store is a Store over the S3 API.
type S3Store struct {
	client *s3.Client
	region string
}

// NewS3Store makes a client as AWS's SDK does by default, checksums included.
func NewS3Store(ctx context.Context, o S3Options) (*S3Store, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(o.Region)}
	if o.AccessKey != "" {
		options = append(options, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("copyload: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
			so.UsePathStyle = true
		}
	})
	return &S3Store{client: client, region: o.Region}, nil
}

// Open implements Store.
func (s *S3Store) Open(ctx context.Context, o Object) (io.ReadCloser, error) {
	if o.Region != "" && o.Region != s.region {
		return nil, ErrWrongRegion
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key})
	if err != nil {
		return nil, classify(err)
	}
	return out.Body, nil
}

// List implements Store.
func (s *S3Store) List(ctx context.Context, o Object) ([]Object, error) {
	if o.Region != "" && o.Region != s.region {
		return nil, ErrWrongRegion
	}
	var all []Object
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &o.Bucket, Prefix: &o.Key})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, classify(err)
		}
		for _, object := range page.Contents {
			all = append(all, Object{Bucket: o.Bucket, Key: *object.Key, Region: o.Region})
		}
	}
	return all, nil
}

// classify returns the error of a Store for an answer of S3, by its code
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) or, if it has
// none, by its HTTP status.
func classify(err error) error {
	var coded smithy.APIError
	if errors.As(err, &coded) {
		switch coded.ErrorCode() {
		case "NoSuchKey":
			return errors.Join(ErrNoSuchKey, err)
		case "NoSuchBucket":
			return errors.Join(ErrNoSuchBucket, err)
		case "PermanentRedirect", "AuthorizationHeaderMalformed":
			return errors.Join(ErrWrongRegion, err)
		}
	}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusForbidden {
		return errors.Join(ErrAccessDenied, err)
	}
	return err
}
