package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"rowshift/replicator"
	"rowshift/sink/refusal"
)

// Options say where a Stager keeps files, and how. The zero value of a field that is not
// required stands for its default.
type Options struct {
	URL         string                  // required: s3://bucket or s3://bucket/prefix
	Pipeline    string                  // required: a folder of its own
	Region      string                  // of the bucket; empty: as the environment says
	KMSKey      string                  // ARN or id of the key that encrypts objects; empty: as the bucket's default says
	Endpoint    string                  // of another S3 than Amazon's; with http:// on a loopback address only
	Credentials aws.CredentialsProvider // nil: the SDK's default chain
	Compression Compression             // Zstd

	ObjectBytes int           // compressed size at which an object is cut; 8 MiB
	Memory      int           // for objects while they fill and are put: half of it for batches, half for loads; 32 MiB
	Parallel    int           // folds that are staged at once; 4
	Attempts    int           // tries of one request before the SDK gives up; 4
	Timeout     time.Duration // of one try; 1 min
	Patience    time.Duration // how long S3 may refuse before that is final; 1 min, negative: not at all
	SweepAge    time.Duration // how old an object of an earlier epoch must be to be swept; 24 h

	Warned func(text string) // is given the SDK's warnings, by several goroutines at once; nil drops them
}

// Compression is how objects are compressed, each at its fastest level.
type Compression string

// The compressions.
const (
	Zstd Compression = "zstd"
	Gzip Compression = "gzip"
)

func (o *Options) ensureDefaults() {
	o.Compression = cmp.Or(o.Compression, Zstd)
	o.ObjectBytes = cmp.Or(o.ObjectBytes, 8<<20)
	o.Memory = cmp.Or(o.Memory, 32<<20)
	o.Parallel = cmp.Or(o.Parallel, 4)
	o.Attempts = cmp.Or(o.Attempts, 4)
	o.Timeout = cmp.Or(o.Timeout, time.Minute)
	o.Patience = cmp.Or(o.Patience, time.Minute)
	o.SweepAge = cmp.Or(o.SweepAge, 24*time.Hour)
}

// Stager keeps batches and loads in a bucket. It implements replicator.Stager and
// replicator.Sweeper. All its methods may be called concurrently.
type Stager struct {
	options Options
	client  *s3.Client
	bucket  string
	folder  string // "prefix/pipeline/"
	process string // random, so that attempts of two processes differ
	marker  func() string

	attempts    atomic.Int64
	refused     refusal.Spell // of all requests
	compressors sync.Pool     // of *compressor
	batches     *room         // for the objects of batches
	loads       *room         // for those of loads, so that live tables never wait for a load
}

// New returns a Stager. It asks nothing of S3 yet: Check does.
func New(ctx context.Context, o Options) (*Stager, error) {
	o.ensureDefaults()
	bucket, prefix, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Pipeline == "" || strings.ContainsAny(o.Pipeline, "/\\\x00") {
		return nil, fmt.Errorf("bucket: %q cannot be a pipeline's folder", o.Pipeline)
	}
	if o.Compression != Zstd && o.Compression != Gzip {
		return nil, fmt.Errorf("bucket: compression %q is not known", o.Compression)
	}
	client, err := newClient(ctx, o)
	if err != nil {
		return nil, err
	}
	return &Stager{options: o, client: client, bucket: bucket, folder: prefix + o.Pipeline + "/", process: random(), marker: marker,
		batches: newRoom(o.Memory / 2), loads: newRoom(o.Memory / 2)}, nil
}

// parseURL splits s3://bucket/prefix into the bucket and the prefix, which is empty
// or ends in a slash.
func parseURL(raw string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(raw, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", fmt.Errorf("bucket: %q is not of the form s3://bucket/prefix", raw)
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return bucket, prefix, nil
}

// mostAtOnce is how many objects of a fold are put at once: the last ones of its rows, of its
// ledger and of its refused rows, and two manifests.
const mostAtOnce = 5

// newClient is the only place where a client is made. It uses LoadDefaultConfig, which turns on
// checksums for every request.
func newClient(ctx context.Context, o Options) (*s3.Client, error) {
	options := []func(*config.LoadOptions) error{
		config.WithLogger(logging.LoggerFunc(o.warn)),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(o.Timeout).WithTransportOptions(func(t *http.Transport) {
			// As many as batches use at once, and as many again for loads and deletions. Further
			// connections are closed after each request.
			t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, 2*mostAtOnce*o.Parallel)
		})),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(s *retry.StandardOptions) {
				s.MaxAttempts = o.Attempts
				s.MaxBackoff = 5 * time.Second
			})
		}),
	}
	if o.Region != "" {
		options = append(options, config.WithRegion(o.Region))
	}
	if o.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(o.Credentials))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("bucket: %w", err)
	}
	if loaded.Region == "" {
		return nil, errors.New("bucket: no region is set: bucket.region in the config, or AWS_REGION")
	}
	loaded.Credentials = newKeyring(loaded)
	client := s3.NewFromConfig(loaded, func(s *s3.Options) {
		if o.Endpoint != "" {
			s.BaseEndpoint = aws.String(o.Endpoint)
		}
		s.UsePathStyle = s.BaseEndpoint != nil
	})
	if endpoint := client.Options().BaseEndpoint; endpoint != nil {
		if err := endpointFit(*endpoint); err != nil {
			return nil, err
		}
	}
	return client, nil
}

// warn replaces the SDK's own logger, which writes to stderr in a form of its own.
func (o *Options) warn(kind logging.Classification, format string, v ...any) {
	if o.Warned != nil && kind == logging.Warn {
		o.Warned(fmt.Sprintf(format, v...))
	}
}

// endpointFit returns an error for an endpoint, from the options or AWS_ENDPOINT_URL, to which
// rows would travel unencrypted over a network.
func endpointFit(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return fmt.Errorf("bucket: endpoint %q is not a URL", endpoint)
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return fmt.Errorf("bucket: endpoint %s is not https, and is not on a loopback address", u.Redacted())
	}
	return nil
}

var (
	_ replicator.Stager  = (*Stager)(nil)
	_ replicator.Sweeper = (*Stager)(nil)
)
