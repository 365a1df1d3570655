package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"rowshift/replicator"
)

// op is what was asked of S3.
type op string

const (
	opPut    op = "put"
	opList   op = "list"
	opDelete op = "delete"
)

// Error is a request that failed and may be tried again. Every object gets a new name each time,
// so a request that was carried out in part does no harm.
type Error struct {
	Op  string // put, list or delete
	Key string // of the object or prefix
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("bucket: %s %s: %s", e.Op, e.Key, brief(e.Err)) }

func (e *Error) Unwrap() error { return e.Err }

// Retryable tells the replicator that the request may be tried again.
func (e *Error) Retryable() bool { return true }

// brief returns the text of an SDK error without the attempts, ids and addresses that the SDK
// puts around it.
func brief(err error) string {
	if api, is := errors.AsType[smithy.APIError](err); is {
		return fmt.Sprintf("%s (%s)", api.ErrorCode(), api.ErrorMessage())
	}
	for {
		var send *url.Error
		var operation *smithy.OperationError
		var credentials *CredentialsError
		switch {
		case errors.As(err, &credentials):
			err = credentials.err
		case errors.As(err, &send):
			err = send.Err
		case errors.As(err, &operation):
			err = operation.Err
		default:
			return err.Error()
		}
	}
}

// cause is an error of the SDK that prints in brief.
type cause struct{ error }

func (c cause) Error() string { return brief(c.error) }

func (c cause) Unwrap() error { return c.error }

// judge turns the error of a request into what the replicator is told; nil stays nil. A refusal
// becomes a Halt once it has lasted for Options.Patience.
func (s *Stager) judge(ctx context.Context, o op, key string, err error) error {
	if err == nil {
		s.refused.End()
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("bucket: %s %s: %w", o, key, ctx.Err())
	}
	d := s.diagnose(o, err)
	if d.verdict == refused {
		s.forgetCredentials()
	}
	if d.verdict == final || d.verdict == refused && s.refused.Extend(time.Now(), s.options.Patience) {
		return &replicator.Halt{Reason: replicator.BucketUnfit, Found: d.found, Means: d.means, Repair: d.repair, Cause: cause{err}}
	}
	return &Error{Op: string(o), Key: key, Err: err}
}

// verdict says what time does to an error.
type verdict int

const (
	transient verdict = iota // it goes away by itself
	refused                  // it goes away if somebody repairs it, who may be about to
	final                    // it stays
)

// diagnosis is what an error of S3 means to an operator.
type diagnosis struct {
	verdict verdict
	found   string
	means   string
	repair  string
}

// diagnose tells by an error's code what it means.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func (s *Stager) diagnose(o op, err error) diagnosis {
	if e, is := errors.AsType[*CredentialsError](err); is {
		return s.diagnoseCredentials(e)
	}
	api, is := errors.AsType[smithy.APIError](err)
	status, region := response(err)
	if !is || status >= 500 || status == http.StatusTooManyRequests {
		return diagnosis{verdict: transient}
	}
	code := api.ErrorCode()
	found := fmt.Sprintf("S3 answers %s to a %s in s3://%s/%s", brief(err), o, s.bucket, s.folder)
	switch {
	case code == "NoSuchBucket" || code == "InvalidBucketName":
		return diagnosis{final, found, "there is no such bucket", "correct bucket.url in the config, or: aws s3 mb s3://" + s.bucket + " --region " + s.region()}
	case status == http.StatusMovedPermanently || code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" || code == "IllegalLocationConstraintException":
		if region == "" {
			region = "another region"
		}
		return diagnosis{final, found, "the bucket is in " + region + ", not in " + s.region(), "correct bucket.region in the config; aws s3api get-bucket-location --bucket " + s.bucket + " tells it"}
	case strings.HasPrefix(code, "KMS") && !passing(code, 0):
		means, repair := s.ofKey()
		return diagnosis{final, found, means, repair}
	case passing(code, status):
		return diagnosis{verdict: transient}
	}
	if means := ofCredentials(code); means != "" {
		return diagnosis{refused, found, means, "correct the credentials that the daemon finds: " + giveKeys}
	}
	if means := ofClock(code); means != "" {
		return diagnosis{refused, found, means, setClock}
	}
	if status == http.StatusForbidden || status == http.StatusUnauthorized || code == "AccessDenied" {
		return diagnosis{refused, found, "the daemon's credentials do not allow it", "allow it: " + s.statement(o)}
	}
	return diagnosis{refused, found, "it does not take such a request", "correct what the config says of the bucket: url, region, kms_key, endpoint"}
}

// ofKey says which key cannot be used, and what shows why.
func (s *Stager) ofKey() (means, repair string) {
	if s.options.KMSKey == "" {
		return "the key of the bucket's own encryption cannot be used", "aws s3api get-bucket-encryption --bucket " + s.bucket +
			" tells the key; aws kms describe-key --key-id '<that key>' --region " + s.region() + " tells its state"
	}
	return "the key bucket.kms_key cannot be used", "aws kms describe-key --key-id " + s.options.KMSKey + " --region " + s.region()
}

// ofCredentials says what is wrong with the daemon's credentials themselves, if the code means
// that; no change of a policy would help then. Else it returns an empty string.
func ofCredentials(code string) string {
	switch code {
	case "InvalidAccessKeyId", "InvalidClientTokenId":
		return "AWS does not know the daemon's access key"
	case "SignatureDoesNotMatch":
		return "the daemon's secret key is not that of its access key"
	case "ExpiredToken", "TokenRefreshRequired":
		return "the daemon's credentials have expired"
	case "InvalidToken":
		return "the daemon's session token is not one of its access key"
	}
	return ""
}

// passing reports whether a refusal concerns only this one request, whose bytes were damaged or
// late or for which the service was too busy, and not the requests that follow. S3 passes on what
// KMS says of a key with KMS in front, and not always with a status of 500 or above.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html#API_GenerateDataKey_Errors
func passing(code string, status int) bool {
	for _, busy := range []string{"Throttl", "KMSInternal", "DependencyTimeout", "KeyUnavailable"} {
		if strings.Contains(code, busy) {
			return true
		}
	}
	switch code {
	case "RequestTimeout", "SlowDown", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "OperationAborted", "InternalError", "ServiceUnavailable":
		return true
	}
	return status == http.StatusRequestTimeout || status == http.StatusConflict
}

// response returns the status of S3's answer and, if its header gives it, the bucket's region.
func response(err error) (status int, region string) {
	answer, is := errors.AsType[*awshttp.ResponseError](err)
	if !is || answer.HTTPResponse() == nil {
		return 0, ""
	}
	return answer.HTTPStatusCode(), answer.HTTPResponse().Header.Get("X-Amz-Bucket-Region")
}

func (s *Stager) region() string { return s.client.Options().Region }

// forgetCredentials has the next request read the credentials again, because they may have been
// rotated.
func (s *Stager) forgetCredentials() {
	if k := s.keyring(); k.CredentialsCache != nil {
		k.Invalidate()
	}
}
