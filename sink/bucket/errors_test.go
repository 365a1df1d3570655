package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"rowshift/replicator"
)

// answer is an error of S3 as the SDK returns it.
func answer(status int, code, region string) error {
	response := &http.Response{StatusCode: status, Header: http.Header{}}
	if region != "" {
		response.Header.Set("X-Amz-Bucket-Region", region)
	}
	return &awshttp.ResponseError{RequestID: "1", ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: response}, Err: &smithy.GenericAPIError{Code: code, Message: "because"}}}
}

func stager(t *testing.T, alter func(*Options)) *Stager {
	t.Helper()
	cleanEnvironment(t)
	o := Options{URL: "s3://acme/prefix", Pipeline: "accounts", Region: "eu-west-1", KMSKey: "arn:aws:kms:eu-west-1:1:key/k"}
	if alter != nil {
		alter(&o)
	}
	s, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name string
		op   op
		err  error
		want verdict
		says []string
	}{
		{"throttled", opPut, answer(503, "SlowDown", ""), transient, nil},
		{"broken", opPut, answer(500, "InternalError", ""), transient, nil},
		{"too many", opPut, answer(429, "TooManyRequests", ""), transient, nil},
		{"late", opPut, answer(400, "RequestTimeout", ""), transient, nil},
		{"a throttled key", opPut, answer(400, "KMS.ThrottlingException", ""), transient, nil},
		{"a throttled key, as S3 puts it too", opPut, answer(503, "SlowDown", ""), transient, nil},
		{"a throttled request", opPut, answer(400, "ThrottlingException", ""), transient, nil},
		{"a broken KMS", opPut, answer(400, "KMS.KMSInternalException", ""), transient, nil},
		{"a late KMS", opPut, answer(400, "KMS.DependencyTimeoutException", ""), transient, nil},
		{"a key that is not there for now", opPut, answer(400, "KMS.KeyUnavailableException", ""), transient, nil},
		{"a key that is to be deleted", opPut, answer(409, "KMS.KMSInvalidStateException", ""), final, []string{"kms_key"}},
		{"harmed", opPut, answer(400, "BadDigest", ""), transient, nil},
		{"cut", opPut, io.ErrUnexpectedEOF, transient, nil},
		{"no rights to put", opPut, answer(403, "AccessDenied", ""), refused, []string{"AccessDenied", `"s3:PutObject","Resource":"arn:aws:s3:::acme/prefix/accounts/*"`, `"kms:GenerateDataKey"`}},
		{"no rights to list", opList, answer(403, "AccessDenied", ""), refused, []string{`"s3:ListBucket","Resource":"arn:aws:s3:::acme"`, "prefix/accounts/*"}},
		{"no rights to delete", opDelete, answer(403, "AccessDenied", ""), refused, []string{`"s3:DeleteObject"`}},
		{"expired", opPut, answer(400, "ExpiredToken", ""), refused, []string{"ExpiredToken", "have expired", "the role of its pod"}},
		{"another secret", opPut, answer(403, "SignatureDoesNotMatch", ""), refused, []string{"secret key is not that of", "AWS_SECRET_ACCESS_KEY"}},
		{"an unknown key", opList, answer(403, "InvalidAccessKeyId", ""), refused, []string{"does not know the daemon's access key", "AWS_ACCESS_KEY_ID"}},
		{"another clock", opPut, answer(403, "RequestTimeTooSkewed", ""), refused, []string{"RequestTimeTooSkewed", "this machine's clock"}},
		{"no rights to one object", opDelete, &smithy.GenericAPIError{Code: "AccessDenied"}, refused, []string{`"s3:DeleteObject"`}},
		{"an unknown refusal", opPut, answer(400, "InvalidArgument", ""), refused, []string{"InvalidArgument (because)", "correct what the config says"}},
		{"no bucket", opPut, answer(404, "NoSuchBucket", ""), final, []string{"aws s3 mb s3://acme --region eu-west-1"}},
		{"another region", opPut, answer(301, "PermanentRedirect", "us-east-2"), final, []string{"is in us-east-2, not in eu-west-1", "bucket.region"}},
		{"another region, not told", opPut, answer(400, "AuthorizationHeaderMalformed", ""), final, []string{"in another region, not in eu-west-1"}},
		{"a bad key", opPut, answer(400, "KMS.DisabledException", ""), final, []string{"kms_key", "describe-key --key-id arn:aws:kms:eu-west-1:1:key/k"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := stager(t, func(o *Options) { o.Patience = time.Hour })
			if got := s.diagnose(c.op, c.err).verdict; got != c.want {
				t.Fatalf("verdict %d, want %d", got, c.want)
			}
			first := s.judge(context.Background(), c.op, "key", c.err)
			if !errors.Is(first, c.err) || replicator.Final(first) != (c.want == final) || replicator.Retryable(first) == (c.want == final) {
				t.Errorf("at first: %v", first)
			}
			s.options.Patience = -1
			later := s.judge(context.Background(), c.op, "key", c.err)
			if replicator.Final(later) != (c.want != transient) {
				t.Errorf("later: %v", later)
			}
			if strings.Contains(later.Error(), "clock") && strings.Contains(later.Error(), "Allow") {
				t.Errorf("%q advises a policy", later)
			}
			if aboutKey := strings.Contains(later.Error(), "AWS_SECRET"); aboutKey && strings.Contains(later.Error(), "Allow") {
				t.Errorf("%q advises a policy", later)
			}
			for _, says := range c.says {
				if !strings.Contains(later.Error(), says) {
					t.Errorf("%q lacks %q", later, says)
				}
			}
		})
	}
}

// Where the bucket's own encryption uses a key, the config does not name it, so what repairs it
// says how to find it, and which right on it the daemon needs.
func TestKeyOfTheBucket(t *testing.T) {
	s := stager(t, func(o *Options) { o.KMSKey = "" })
	for code, want := range map[string][]string{
		"KMS.DisabledException": {"the bucket's own encryption", "get-bucket-encryption --bucket acme", "describe-key --key-id '<that key>' --region eu-west-1"},
		"AccessDenied":          {`"s3:PutObject"`, `"Action":"kms:GenerateDataKey","Resource":"<the key's ARN>"`},
	} {
		d := s.diagnose(opPut, answer(403, code, ""))
		for _, says := range want {
			if got := d.means + ": " + d.repair; !strings.Contains(got, says) {
				t.Errorf("%s: %q lacks %q", code, got, says)
			}
		}
		if d.verdict == transient || strings.Contains(d.repair, "kms_key") {
			t.Errorf("%s: %+v", code, d)
		}
	}
}

// TestBrief has errors as the SDK returns them, each over a hundred letters long.
func TestBrief(t *testing.T) {
	refused := errors.New("dial tcp 127.0.0.1:9: connect: connection refused")
	for _, c := range []struct {
		err  error
		want string
	}{
		{&smithy.OperationError{ServiceID: "S3", OperationName: "PutObject", Err: &retry.MaxAttemptsError{Attempt: 3,
			Err: &smithyhttp.RequestSendError{Err: &url.Error{Op: "Put", URL: "http://127.0.0.1:9/acme", Err: refused}}}}, refused.Error()},
		{&smithy.OperationError{ServiceID: "S3", OperationName: "PutObject", Err: answer(403, "AccessDenied", "")}, "AccessDenied (because)"},
		{&smithy.OperationError{Err: fmt.Errorf("get credentials: %w", &smithy.OperationError{Err: errors.New("no role")})}, "no role"},
		{io.ErrUnexpectedEOF, "unexpected EOF"},
	} {
		e := &Error{Op: "put", Key: "k", Err: c.err}
		if want := "bucket: put k: " + c.want; e.Error() != want || !errors.Is(e, c.err) {
			t.Errorf("%q, want %q", e, want)
		}
		if k := (cause{c.err}); k.Error() != c.want || !errors.Is(k, c.err) {
			t.Errorf("%q, want %q", k, c.want)
		}
	}
}

// A refusal halts once it has lasted, and a success ends it.
func TestRefusalThatLasts(t *testing.T) {
	s := stager(t, nil)
	denied := answer(403, "AccessDenied", "")
	halts := func() bool {
		_, is := errors.AsType[*replicator.Halt](s.judge(t.Context(), opPut, "key", denied))
		return is
	}
	if halts() {
		t.Error("the first refusal halts")
	}
	s.refused.End()
	s.refused.Extend(time.Now().Add(-s.options.Patience), s.options.Patience)
	if !halts() {
		t.Error("a refusal that lasts does not halt")
	}
	if err := s.judge(t.Context(), opPut, "key", nil); err != nil || halts() {
		t.Errorf("a success does not end it: %v", err)
	}
}

func TestJudgeOfCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := stager(t, nil).judge(ctx, opPut, "key", answer(403, "AccessDenied", ""))
	if !errors.Is(err, context.Canceled) || replicator.Retryable(err) || replicator.Final(err) {
		t.Errorf("%v", err)
	}
}

func TestPartition(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		s := stager(t, func(o *Options) { o.Region = region })
		if statement := s.statement(opDelete); !strings.Contains(statement, `"arn:`+want+`:s3:::acme/`) {
			t.Errorf("%s: %s", region, statement)
		}
	}
}

func TestLeftover(t *testing.T) {
	s := stager(t, nil)
	for key, want := range map[string]bool{
		"prefix/accounts/000000000001/0000-a/1-0-000000.csv.zst":  true,
		"prefix/accounts/000000000006/load-a/1.manifest":          true,
		"prefix/accounts/000000000007/load-a/1.manifest":          false,
		"prefix/accounts/000000000012/load-a/1.manifest":          false,
		"prefix/accounts/check-abc":                               true,
		"prefix/accounts/1/mine":                                  false,
		"prefix/accounts/quarantine/000000000001/x":               false,
		"prefix/accounts/-00000000001/x":                          false,
		"prefix/accounts/000000000001":                            false,
		"prefix/accounts/99999999999999999999/more-than-an-epoch": false,
	} {
		if got := s.leftover(key, 7); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
}
