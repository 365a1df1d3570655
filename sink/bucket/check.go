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

// checkName begins the names of the objects that Check puts.
const checkName = "check-"

// deleteTimeout bounds the deletion of a check's object. It starts when the object has been
// read, however long that took, so that the object does not stay behind.
const deleteTimeout = 30 * time.Second

// Check puts, lists and deletes one object, and reports which of these worked; for a request
// that was not allowed it gives the statement of an IAM policy that allows it. It also warns of
// a bucket that keeps versions. The object is a manifest that names a file which does not exist.
// Check passes its URL to read before it deletes it, or an empty URL if the put failed. It also
// deletes after a put that failed, unless S3 refused it: a put may be carried out, and only its
// answer be lost.
func (s *Stager) Check(ctx context.Context, read func(manifest string)) []replicator.Finding {
	key := s.folder + checkName + random() + ".manifest"
	content, err := json.Marshal(manifest{Entries: []manifestEntry{{URL: s.url(key + ".nothing"), Mandatory: true}}})
	if err != nil {
		panic(err) // strings and numbers can always be encoded
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

	if put == nil {
		read(s.url(key))
	} else if read(""); s.diagnose(opPut, put).verdict != transient {
		return append(findings, replicator.Finding{Subject: subject(opDelete), Verdict: replicator.Unasked,
			Found: "nothing was put that could be deleted", Repair: "repair the put, then look again"})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	return append(findings, s.finding(opDelete, s.remove(ctx, []string{key})))
}

func subject(o op) string { return "bucket: " + string(o) }

// finding reports how a request ended.
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

// versions warns that the bucket keeps versions, so that deleted objects, and the rows in them,
// stay in it. Check does not look for a lifecycle rule that removes them later, because that
// would take one more permission.
func (s *Stager) versions() replicator.Finding {
	return replicator.Finding{
		Subject: "bucket: versions", Verdict: replicator.Warning,
		Found:  "the bucket keeps versions: staged files that were deleted, and rows that were dropped from quarantine, stay in it",
		Repair: "unless it has the like, add to the bucket's lifecycle rules: " + s.versionRule(),
	}
}

// versionRule returns a lifecycle rule that removes what was deleted.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
func (s *Stager) versionRule() string {
	return fmt.Sprintf(`{"ID":"rowshift-versions","Status":"Enabled","Filter":{"Prefix":"%s"},"NoncurrentVersionExpiration":{"NoncurrentDays":1},"Expiration":{"ExpiredObjectDeleteMarker":true}}`, s.folder)
}

// host returns where requests go.
func (s *Stager) host() string {
	if e := s.client.Options().BaseEndpoint; e != nil {
		return aws.ToString(e)
	}
	return "s3." + s.region() + ".amazonaws.com"
}

// statement returns the statement of an IAM policy that allows an operation.
func (s *Stager) statement(o op) string {
	bucket := "arn:" + s.partition() + ":s3:::" + s.bucket
	switch o {
	case opList:
		return fmt.Sprintf(`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"%s","Condition":{"StringLike":{"s3:prefix":"%s*"}}}`, bucket, s.folder)
	case opDelete:
		return fmt.Sprintf(`{"Effect":"Allow","Action":"s3:DeleteObject","Resource":"%s/%s*"}`, bucket, s.folder)
	}
	put := fmt.Sprintf(`{"Effect":"Allow","Action":"s3:PutObject","Resource":"%s/%s*"}`, bucket, s.folder)
	if s.options.KMSKey == "" { // which key the bucket uses is not known here
		return put + ` and, if the bucket's own encryption uses a key of yours, {"Effect":"Allow","Action":"kms:GenerateDataKey","Resource":"<the key's ARN>"}`
	}
	return put + " and " + s.keyStatement()
}

// keyStatement returns the statement of an IAM policy that allows the use of bucket.kms_key. A
// policy names a key by its ARN. Of a key that is given by its id, the account is not known
// here, so any account is allowed; of one that is given by an alias, the id is not known either,
// so the statement names all keys and demands the alias.
// https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
func (s *Stager) keyStatement() string {
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

// partition returns the AWS partition of the region, as ARNs spell it.
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
