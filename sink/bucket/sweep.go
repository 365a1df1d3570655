package bucket

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"rowshift/replicator"
)

// maxDelete is how many objects one request deletes at most.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
const maxDelete = 1000

// Discard deletes objects by their URLs. One that is not there is no error.
func (s *Stager) Discard(ctx context.Context, objects []string) error {
	keys := make([]string, 0, len(objects))
	ours := s.url(s.folder)
	for _, url := range objects {
		if !strings.HasPrefix(url, ours) {
			return fmt.Errorf("bucket: %s is not in %s", url, ours)
		}
		keys = append(keys, strings.TrimPrefix(url, s.url("")))
	}
	return s.remove(ctx, keys)
}

// remove deletes as many of the objects with these keys as it can.
func (s *Stager) remove(ctx context.Context, keys []string) error {
	var failed []error
	for len(keys) > 0 {
		n := min(len(keys), maxDelete)
		failed = append(failed, s.removeSome(ctx, keys[:n]))
		keys = keys[n:]
	}
	return errors.Join(failed...)
}

// removeSome deletes objects by one request.
func (s *Stager) removeSome(ctx context.Context, keys []string) error {
	objects := make([]types.ObjectIdentifier, len(keys))
	for i := range keys {
		objects[i].Key = &keys[i]
	}
	answer, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)}})
	if err != nil {
		return s.judge(ctx, opDelete, s.folder, err)
	}
	if len(answer.Errors) > 0 {
		e := answer.Errors[0] // as a rule the same for all
		return s.judge(ctx, opDelete, aws.ToString(e.Key), &smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Message)})
	}
	s.refused.End()
	return nil
}

// Sweep deletes the objects of epochs before that one, and those of checks, once they are older
// than Options.SweepAge, from the bucket's clock to ours. It returns how many it deleted, also
// with an error.
func (s *Stager) Sweep(ctx context.Context, before replicator.Epoch) (int, error) {
	oldest := time.Now().Add(-s.options.SweepAge)
	deleted := 0
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &s.folder})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err := s.judge(ctx, opList, s.folder, err); err != nil {
			return deleted, err
		}
		var keys []string
		for _, o := range page.Contents {
			if key := aws.ToString(o.Key); s.leftover(key, before) && aws.ToTime(o.LastModified).Before(oldest) {
				keys = append(keys, key)
			}
		}
		if len(keys) == 0 {
			continue
		}
		if err := s.removeSome(ctx, keys); err != nil {
			return deleted, err
		}
		deleted += len(keys)
	}
	return deleted, nil
}

// Kept lists the URLs of the objects of refused rows that are of epochs before that one and
// older than Options.SweepAge. Nobody will merge their entries any more.
func (s *Stager) Kept(ctx context.Context, before replicator.Epoch) ([]string, error) {
	oldest := time.Now().Add(-s.options.SweepAge)
	folder := s.folder + quarantineFolder
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &folder})
	var urls []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err := s.judge(ctx, opList, folder, err); err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			if ofEpoch(strings.TrimPrefix(key, folder), before) && aws.ToTime(o.LastModified).Before(oldest) {
				urls = append(urls, s.url(key))
			}
		}
	}
	return urls, nil
}

// leftover reports whether a key belongs to a check or to an epoch before that one. Keys of any
// other form are not ours.
func (s *Stager) leftover(key string, before replicator.Epoch) bool {
	name := strings.TrimPrefix(key, s.folder)
	if strings.HasPrefix(name, checkName) {
		return true
	}
	return ofEpoch(name, before)
}

// ofEpoch reports whether a name begins with the folder of an epoch before that one.
func ofEpoch(name string, before replicator.Epoch) bool {
	folder, _, ok := strings.Cut(name, "/")
	epoch, err := strconv.ParseInt(folder, 10, 64)
	return ok && err == nil && epoch > 0 && epochFolder(replicator.Epoch(epoch)) == folder+"/" && replicator.Epoch(epoch) < before
}
