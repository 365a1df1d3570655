package redshift

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rowshift/replicator"
)

// checkRole has COPY read a manifest by the role. The manifest is in the bucket, and names a
// file that does not exist, so it does not matter which compression COPY is told. If Redshift
// answers that the file is missing, then the user may name the role, Redshift may assume it, and
// the role can read the bucket and use the key of its objects.
func (w *Warehouse) checkRole(ctx context.Context, s *session, manifest string) replicator.Finding {
	f := replicator.Finding{Subject: "warehouse: COPY role", Verdict: replicator.Fine}
	if manifest == "" {
		f.Verdict, f.Found, f.Repair = replicator.Unasked, "nothing was put into the bucket that COPY could read", "repair the bucket's put, then look again"
		return f
	}
	if _, err := s.run(ctx, "create a staging table", createProbe); err != nil {
		return unasked(f, err)
	}
	files := replicator.Files{Manifest: manifest, Null: "null", Compression: "ZSTD"}
	_, err := s.run(ctx, "copy", copyFiles(probeTable, []string{valueColumn(0)}, files, w.options.CopyRole, w.options.Region))
	_, _ = s.run(ctx, "drop a staging table", drop(probeTable))
	if err != nil && !answered(err) {
		return unasked(f, err)
	}
	f.Verdict, f.Repair = w.judgeCopy(err, manifest, w.user(s))
	switch {
	case f.Verdict == replicator.Fine:
		f.Found = "COPY reads the bucket by " + w.options.CopyRole
	case err == nil:
		f.Found = "COPY loaded a file that is not there"
	default:
		f.Found = bare(err)
	}
	return f
}

// judgeCopy tells by the error of a COPY of such a manifest whether the role can be used, and
// what repairs it. The words are those of S3, and of Redshift around them, from
// github.com/awslabs/aws-lambda-redshift-loader issue 73, github.com/PostHog/posthog issue 61603
// (a manifest that may not be read "requires full path") and github.com/uswitch/blueshift issue
// 3. Other words prove nothing.
func (w *Warehouse) judgeCopy(err error, manifest, user string) (v replicator.Verdict, repair string) {
	says := func(any ...string) bool {
		for _, words := range any {
			if err != nil && strings.Contains(strings.ToLower(bare(err)), words) {
				return true
			}
		}
		return false
	}
	switch {
	case err != nil && assumeRefused(err):
		return replicator.Failure, "attach the role to the cluster or workgroup, let it trust redshift.amazonaws.com (and redshift-serverless.amazonaws.com), and " + grantAssume(w.options.CopyRole, user)
	case says("specified endpoint", "permanentredirect", "authorizationheadermalformed"):
		return replicator.Failure, "set bucket.region to where the bucket is: aws s3api get-bucket-location --bucket " + bucketOf(manifest)
	case says("throttl", "kmsinternal", "dependencytimeout", "keyunavailable", "rate exceeded", "slowdown", "service unavailable", "serviceunavailable"): // passes by itself
	case says("kms"):
		return replicator.Failure, `allow the role: {"Effect":"Allow","Action":"kms:Decrypt","Resource":"<the key of the bucket's objects>"}`
	case says("access denied", "accessdenied", "status 403", "forbidden", "full path of an s3 object"):
		return replicator.Failure, "allow the role: " + readPolicy(w.options.CopyRole, manifest)
	case says("problem reading manifest"):
		return replicator.Failure, "let bucket.url, region and endpoint be of the bucket that Redshift reaches: it does not find there what check put"
	case says("mandatory url", "nosuchkey", "does not exist"):
		return replicator.Fine, ""
	}
	return replicator.Warning, "whether the role reads the bucket is not known: look into sys_query_history (stl_error on a cluster) for what Redshift said"
}

// rolePatience is how long Redshift may refuse COPY because of the role or the bucket before
// that is a halt. A change in IAM takes time to be known everywhere, and somebody may be about
// to repair it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
const rolePatience = time.Minute

// roleHalt returns a halt if the COPY of a manifest has been refused for as long as rolePatience,
// because of the role or the bucket; else nil.
func (w *Warehouse) roleHalt(s *session, err error, manifest string) error {
	if codeOf(err) == "" || replicator.Retryable(err) || replicator.Final(err) {
		return nil
	}
	verdict, repair := w.judgeCopy(err, manifest, w.user(s))
	if verdict != replicator.Failure || !w.role.Extend(time.Now(), rolePatience) {
		return nil
	}
	return &replicator.Halt{
		Reason: replicator.WarehouseUnfit,
		Found:  "Redshift has refused COPY for a minute or longer: " + bare(err),
		Means:  "it does not read the bucket by " + w.options.CopyRole,
		Repair: repair,
		Cause:  err,
	}
}

// bucketOf returns the bucket of an object's URL.
func bucketOf(url string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(url, "s3://"), "/")
	return name
}

// readPolicy returns what an IAM policy must say for a role to read the folder of a manifest.
func readPolicy(role, manifest string) string {
	partition := "aws"
	if parts := strings.Split(role, ":"); len(parts) > 1 {
		partition = parts[1]
	}
	path := strings.TrimPrefix(manifest, "s3://")
	folder := path[:strings.LastIndex(path, "/")+1]
	_, prefix, _ := strings.Cut(folder, "/")
	return fmt.Sprintf(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:%s:s3:::%s*"} and {"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:%s:s3:::%s","Condition":{"StringLike":{"s3:prefix":"%s*"}}}`,
		partition, folder, partition, bucketOf(manifest), prefix)
}
