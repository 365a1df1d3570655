// Command redshift-standin serves the stand-in for Amazon Redshift of package
// redshifttest by itself, for programs in any language.
//
// It needs superuser access to a PostgreSQL server, 15 or newer. There it makes the
// database dev and the stand-in's own schema, or finds those of an earlier start. COPY
// reads from S3, or from any server with S3's interface.
//
//	redshift-standin --postgres postgres://postgres@localhost/postgres --s3-endpoint http://localhost:9000
//	ready on 127.0.0.1:5439
//	psql -h 127.0.0.1 -p 5439 -U dev dev    # the password is dev
//
// It ends on SIGTERM or SIGINT as a cluster does when it is paused: sessions are cut,
// what was committed stays.
//
// # Secrets
//
// What the DSN leaves out comes from PostgreSQL's own environment variables, such as the
// password from PGPASSWORD. The keys to the buckets come from AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY, the cluster's region from AWS_REGION. None of these is an
// argument, because everyone on the machine can read arguments.
//
// # Exit codes
//
//	0  told to end
//	1  it could not start: the backing server, the address
//	2  a flag or its value is bad
package main
