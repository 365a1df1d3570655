package bucket

import (
	"context"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// put writes an object by one request, so it is there whole or not at all. The
// content may be written to again once it returns.
func (s *Stager) put(ctx context.Context, key string, content io.ReadSeeker, size int) error {
	_, err := s.putVersion(ctx, key, content, size)
	return err
}

// putVersion is put, and returns whether the bucket keeps versions of its objects: an
// answer that needs no right of its own.
func (s *Stager) putVersion(ctx context.Context, key string, content io.ReadSeeker, size int) (versioned bool, err error) {
	b := &body{content: content}
	defer b.close()
	input := &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: b, ContentLength: aws.Int64(int64(size))}
	if s.options.KMSKey != "" {
		input.ServerSideEncryption = types.ServerSideEncryptionAwsKms
		input.SSEKMSKeyId = &s.options.KMSKey
	}
	answer, err := s.client.PutObject(ctx, input)
	if err != nil {
		return false, s.judge(ctx, opPut, key, err)
	}
	version := aws.ToString(answer.VersionId)
	return version != "" && version != "null", s.judge(ctx, opPut, key, nil) // null: versions are suspended, and this one is overwritten
}

// body reads content until it is closed. The HTTP transport may go on reading a
// request's body after the request has failed, when the content may be in use for
// something else.
type body struct {
	mu      sync.Mutex
	content io.ReadSeeker
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.content == nil {
		return 0, io.ErrClosedPipe
	}
	return b.content.Read(p)
}

// WriteTo spares who computes a checksum of the content, as the SDK does before it sends it,
// a buffer to read it into. It implements io.WriterTo. It holds the content for as long as
// w takes it: that is a hash in memory, while a transport, which may be slow, reads.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.content == nil {
		return 0, io.ErrClosedPipe
	}
	return io.Copy(w, b.content)
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.content == nil {
		return 0, io.ErrClosedPipe
	}
	return b.content.Seek(offset, whence)
}

// close ends all reading. It is not io.Closer's, which the SDK would call after the
// first try.
func (b *body) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.content = nil
}
