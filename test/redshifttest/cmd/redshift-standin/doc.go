// Command redshift-standin serves the stand-in for Amazon Redshift of package
// redshifttest by itself, for programs of any language.
//
// It needs a PostgreSQL server, 15 or newer, as superuser: the database dev and the
// stand-in's own schema are made there, and are found again by the next start. COPY
// reads from S3, or from any server with S3's interface.
//
//	redshift-standin --postgres postgres://postgres@localhost/postgres --s3-endpoint http://localhost:9000
//	ready on 127.0.0.1:5439
//	psql -h 127.0.0.1 -p 5439 -U dev dev    # the password is dev
//
// It ends on SIGTERM or SIGINT, as a cluster does that is paused: sessions are cut,
// what was committed stays.
//
// # Secrets
//
// What the DSN leaves out comes from PostgreSQL's own environment variables, the
// password from PGPASSWORD; the keys to the buckets from AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY, the cluster's region from AWS_REGION. Arguments can be read
// by everyone on the machine.
//
// # Exit codes
//
//	0  told to end
//	1  it could not start: the backing server, the address
//	2  a flag or its value is bad
package main
