package bucket

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"rowshift/replicator"
)

// checkName is what the names of the objects of checks begin with.
const checkName = "check-"

// deleteTimeout is how long the object of a check is tried to be deleted, however long its
// reader took: nothing is to stay.
const deleteTimeout = 30 * time.Second

// Check puts, lists and deletes one object, and says of each whether it could, with the
// statement of an IAM policy that allows it; and of a bucket that keeps versions, that it
// does. The object is a manifest that names a file which is not there. It is handed to read
// in between, as its URL, empty if it could not be put.
func (s *Stager) Check(ctx context.Context, read func(manifest string)) []replicator.Finding {
	key := s.folder + checkName + random() + ".manifest"
	content, err := json.Marshal(manifest{Entries: []manifestEntry{{URL: s.url(key + ".nothing"), Mandatory: true}}})
	if err != nil {
		panic(err) // it has strings only
	}
	versioned, put := s.putVersion(ctx, key, bytes.NewReader(content), len(content))
	findings := []replicator.Finding{s.finding(opPut, put)}
	if versioned {
		findings = append(findings, s.versions())
	}

	listed, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &key})
	list := s.finding(opList, s.judge(ctx, opList, key, err))
	if err == nil && put == nil && len(listed.Contents) != 1 {
		list.Verdict, list.Found, list.Repair = replicator.Failure, "the object that was put is not listed", "let bucket.endpoint be that of an S3 that lists what it has"
	}
	findings = append(findings, list)

	if put != nil {
		read("")
		return append(findings, replicator.Finding{Subject: subject(opDelete), Verdict: replicator.Unasked,
			Found: "nothing was put that could be deleted", Repair: "repair the put, then look again"})
	}
	read(s.url(key))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	return append(findings, s.finding(opDelete, s.remove(ctx, []string{key})))
}

func subject(o op) string { return "bucket: " + string(o) }

// finding says how a request ended.
func (s *Stager) finding(o op, err error) replicator.Finding {
	f := replicator.Finding{Subject: subject(o), Verdict: replicator.Fine, Found: s.url(s.folder)}
	if err == nil {
		return f
	}
	d := s.diagnose(o, err)
	if d.verdict == transient {
		f.Verdict, f.Found, f.Repair = replicator.Unasked, err.Error(), cmp.Or(d.repair, "look whether "+s.host()+" can be reached from here")
		return f
	}
	f.Verdict, f.Found, f.Repair = replicator.Failure, d.found+": "+d.means, d.repair
	return f
}

// versions says of a bucket with versions that a deletion leaves the object there, rows in
// it included. Whether a rule takes it away later is not asked: that would need a right
// more.
func (s *Stager) versions() replicator.Finding {
	return replicator.Finding{
		Subject: "bucket: versions", Verdict: replicator.Warning,
		Found:  "the bucket keeps versions: staged files that were deleted, and rows that were dropped from quarantine, stay in it",
		Repair: "unless it has the like, add to the bucket's lifecycle rules: " + s.versionRule(),
	}
}

// versionRule is the rule of a lifecycle that takes away what was deleted.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
func (s *Stager) versionRule() string {
	return fmt.Sprintf(`{"ID":"rowshift-versions","Status":"Enabled","Filter":{"Prefix":"%s"},"NoncurrentVersionExpiration":{"NoncurrentDays":1},"Expiration":{"ExpiredObjectDeleteMarker":true}}`, s.folder)
}

// host is where requests go.
func (s *Stager) host() string {
	if e := s.client.Options().BaseEndpoint; e != nil {
		return aws.ToString(e)
	}
	return "s3." + s.region() + ".amazonaws.com"
}

// statement is the part of an IAM policy that allows an operation.
func (s *Stager) statement(o op) string {
	bucket := "arn:" + s.partition() + ":s3:::" + s.bucket
	switch o {
	case opList:
		return fmt.Sprintf(`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"%s","Condition":{"StringLike":{"s3:prefix":"%s*"}}}`, bucket, s.folder)
	case opDelete:
		return fmt.Sprintf(`{"Effect":"Allow","Action":"s3:DeleteObject","Resource":"%s/%s*"}`, bucket, s.folder)
	}
	put := fmt.Sprintf(`{"Effect":"Allow","Action":"s3:PutObject","Resource":"%s/%s*"}`, bucket, s.folder)
	if s.options.KMSKey != "" {
		put += " and " + s.ofKey()
	}
	return put
}

// ofKey is the part of an IAM policy that allows the use of bucket.kms_key. A policy knows
// keys by their own ARN: of an id the account is not known here, and of an alias neither
// is the key.
// https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
func (s *Stager) ofKey() string {
	arn, name := s.options.KMSKey, s.options.KMSKey
	if i := strings.LastIndexByte(arn, ':'); i >= 0 {
		arn, name = arn[:i+1], arn[i+1:]
	} else {
		arn = "arn:" + s.partition() + ":kms:" + s.region() + ":*:"
	}
	if strings.HasPrefix(name, "alias/") {
		return fmt.Sprintf(`{"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"%skey/*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"%s"}}}`, arn, name)
	}
	return fmt.Sprintf(`{"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"%skey/%s"}`, arn, strings.TrimPrefix(name, "key/"))
}

// partition is the first word of the region's ARNs.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func (s *Stager) partition() string {
	switch {
	case strings.HasPrefix(s.region(), "cn-"):
		return "aws-cn"
	case strings.HasPrefix(s.region(), "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}
