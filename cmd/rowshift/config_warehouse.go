package main

import (
	"net/url"
	"os"
	"regexp"
	"strings"

	"rowshift/schema"
	"rowshift/sink/bucket"
)

// roleARN is the ARN of an IAM role, or a chain of them.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-authorization.html
var roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=.@_/-]+(,arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=.@_/-]+)*$`)

func (r *reading) warehouse(d warehouseDocument) warehouseConfig {
	c := warehouseConfig{database: r.database("warehouse", d.Database, 5439)}
	c.schema = r.schema("warehouse.schema", d.Schema, required)
	c.metadataSchema = r.schema("warehouse.metadata_schema", d.MetadataSchema, optional)
	if c.metadataSchema == "" {
		c.metadataSchema = "rowshift"
	}
	if sameName(c.schema, c.metadataSchema) {
		r.add("warehouse.metadata_schema", "is warehouse.schema too: "+r.quote(c.schema),
			"give what Rowshift remembers a schema of its own, like rowshift")
	}
	c.copyRole = r.matching("warehouse.copy_role", d.CopyRole, required, roleARN,
		"the ARN of the role that COPY reads the bucket with, like arn:aws:iam::123456789012:role/copy")
	c.readers = r.list("warehouse.readers", d.Readers)
	for _, reader := range c.readers {
		r.reader("warehouse.readers", reader)
	}
	c.queryGroup = r.name("warehouse.query_group", d.QueryGroup, "", schema.MaxName)
	c.haltOnCopy = r.oneOf("warehouse.on_copy_error", d.OnCopyError, "quarantine", "halt") == "halt"
	c.printDDL = r.oneOf("warehouse.ddl", d.DDL, "apply", "print") == "print"
	return c
}

// reader adds a fault unless reader names a user, or is "group name" or "role name".
func (r *reading) reader(path, reader string) {
	kind, name, named := strings.Cut(reader, " ")
	switch {
	case !named:
		r.fits(path, reader, schema.MaxName)
	case kind != "group" && kind != "role" || strings.TrimSpace(name) == "" || name != strings.TrimSpace(name):
		r.add(path, r.quote(reader)+" is neither a user, nor group or role and a name", `write like analysts, "group bi" or "role analyst"`)
	default:
		r.fits(path, name, schema.MaxName)
	}
}

// schema reads the name of a schema, and refuses those that Redshift reserves.
func (r *reading) schema(path string, s setting, p presence) string {
	text, ok := r.scalar(path, s, p)
	if !ok || !r.fits(path, text, schema.MaxName) || !r.plain(path, text) {
		return ""
	}
	folded := schema.Fold(text)
	if strings.HasPrefix(folded, "pg_") || folded == "information_schema" {
		r.add(path, r.quote(text)+" is a schema of Redshift's own", "name another")
		return ""
	}
	return text
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	objectKey  = regexp.MustCompile(`^[A-Za-z0-9!_.*()/=-]*$`)
	regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	kmsKey     = regexp.MustCompile(`^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+|alias/[A-Za-z0-9/_-]+|(mrk-)?[0-9a-f-]{32,36})$`)
)

func (r *reading) bucket(d bucketDocument) bucketConfig {
	c := bucketConfig{url: r.bucketURL("bucket.url", d.URL)}
	c.region = r.matching("bucket.region", d.Region, required, regionName, "the bucket's region, like eu-west-1")
	c.kmsKey = r.matching("bucket.kms_key", d.KMSKey, optional, kmsKey,
		"a KMS key's ARN, id or alias/name; or leave it out, for the bucket's own encryption")
	if text, ok := r.scalar("bucket.endpoint", d.Endpoint, optional); ok {
		r.endpoint("bucket.endpoint", "", text)
		c.endpoint = strings.TrimSuffix(text, "/")
	}
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		if text := os.Getenv(name); text != "" && c.endpoint == "" {
			r.endpoint("bucket.endpoint", "the environment variable "+name+" ", text)
		}
	}
	c.compression = bucket.Compression(r.oneOf("bucket.compression", d.Compression, string(bucket.Zstd), string(bucket.Gzip)))
	return c
}

func (r *reading) bucketURL(path string, s setting) string {
	text, ok := r.scalar(path, s, required)
	if !ok {
		return ""
	}
	const form = "write s3://bucket/prefix"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "s3" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Port() != "":
		r.add(path, "is not the URL of a bucket", form)
	case !bucketName.MatchString(u.Host) || strings.Contains(u.Host, ".."):
		r.add(path, r.quote(text)+" does not name a bucket", form+", the bucket of 3 to 63 of a-z, 0-9, . and -")
	case !objectKey.MatchString(u.Path) || strings.Contains(u.Path, "//"):
		r.add(path, "has a prefix with characters that objects' names should not have", form+", the prefix of letters, digits and !_.*()=-/")
	default:
		return strings.TrimSuffix(text, "/")
	}
	return ""
}

// endpoint checks the URL of an S3 API. what names the setting in a fault if that is not
// the key at path. A URL without TLS is refused, because rows would cross the network in
// clear.
func (r *reading) endpoint(path, what, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || strings.TrimSuffix(u.Path, "/") != "":
		r.add(path, what+"is not the URL of an S3 endpoint", "write https://host:port, or leave it out for AWS")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		r.add(path, what+"is without TLS, and the host is not on this machine", "write https://")
	}
}
