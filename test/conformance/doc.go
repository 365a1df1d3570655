// Package conformance says where the stand-in for Redshift is wrong: one suite of
// behaviours that runs against it and, unchanged, against a real cluster or workgroup.
//
//	make conformance                                     # against the stand-in
//	REDSHIFT_TEST_URL=postgres://user:password@host:5439/db?sslmode=verify-full \
//	REDSHIFT_TEST_BUCKET=s3://bucket/prefix \
//	REDSHIFT_TEST_ROLE=arn:aws:iam::123456789012:role/copy \
//	make conformance                                     # against a real one
//
// Each behaviour has a name, the rules of test/redshifttest/RULES.md that say what the
// stand-in does, and the grade of the evidence for them; testdata has those that SQL can
// show, as scripts. At the end a line is printed for each in which the server differs
// from what the rule says: there the rule, and the stand-in with it, is to be mended.
//
// Those whose names begin with sink- drive the daemon's own sink, as the daemon and the
// commands do: through checks, loads, merges, held changes, the ledger and the quarantine,
// alterations, requests, layouts of older and newer daemons, and grants. With -v the suite
// prints which of the forms on the list of test/surface it did not send; those that cannot be
// provoked on every server it tells apart.
//
// The suite works in schemas of its own whose names begin with a random one, and below a
// folder of its own in the bucket, and removes all of it. It needs a user that may create
// schemas. For users-keep-their-case, groups-and-roles-fold and
// sink-grants-readers-their-rights it needs one that may create users, groups and roles, and
// for sink-leaves-targets-of-others a superuser, since a user that it makes is the loader
// there, with a password; they are dropped at the end. The bucket must be in the cluster's
// region, and its keys are found as AWS's own tools find them. Tables have a few rows, but
// there are some thousand statements: that may take tens of minutes of a small cluster that
// has to compile each. Without bucket or role, what needs COPY is left out, and said to be.
package conformance
