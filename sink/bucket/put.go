package bucket

import (
	"context"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// put writes an object by one request, so it is there whole or not at all. The caller may write
// to the content again once put returns.
func (s *Stager) put(ctx context.Context, key string, content io.ReadSeeker, size int) error {
	_, err := s.putVersion(ctx, key, content, size)
	return err
}

// putVersion is put, and also returns whether the bucket keeps versions of its objects. The
// answer to a put tells that, so it takes no further permission.
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
	return version != "" && version != "null", s.judge(ctx, opPut, key, nil) // null: versioning is suspended, and this version gets overwritten
}

// body reads content until it is closed. The HTTP transport may go on reading a request's body
// after the request has failed, when the content may already be used for something else.
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

// WriteTo implements io.WriterTo. The SDK computes a checksum of the content before it sends it,
// and WriteTo spares it a buffer for that. It holds the lock until w has taken all: w is a hash
// in memory. A transport, which may be slow, uses Read.
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

// close ends all reading. It is not named Close, because the SDK would call that after the first
// try.
func (b *body) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.content = nil
}
