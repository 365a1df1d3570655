// Package conformance shows where the stand-in for Redshift is wrong. It is one suite of
// behaviours that runs against the stand-in and, unchanged, against a real cluster or
// workgroup.
//
//	make conformance                                     # against the stand-in
//	REDSHIFT_TEST_URL=postgres://user:password@host:5439/db?sslmode=verify-full \
//	REDSHIFT_TEST_BUCKET=s3://bucket/prefix \
//	REDSHIFT_TEST_ROLE=arn:aws:iam::123456789012:role/copy \
//	make conformance                                     # against a real one
//
// Each behaviour has a name, the rules of test/redshifttest/RULES.md that say what the
// stand-in does, and the grade of the evidence for them. testdata has those that SQL can
// show, as scripts. At the end the suite prints a line for each behaviour in which the
// server differs from the rule: there the rule, and the stand-in with it, must be mended.
//
// Behaviours whose names begin with sink- drive the daemon's own sink as the daemon and
// the commands do, through checks, loads, merges, held changes, the ledger and the
// quarantine, alterations, requests, layouts of older and newer daemons, and grants. With
// -v the suite prints which of the forms on the list of test/surface it did not send, and
// apart from them those that cannot be provoked on every server.
//
// The suite works in schemas of its own, whose names begin with a random one, and below a
// folder of its own in the bucket, and removes all of it. Its user must be allowed to
// create schemas. users-keep-their-case, groups-and-roles-fold and
// sink-grants-readers-their-rights need a user that may create users, groups and roles.
// sink-leaves-targets-of-others needs a superuser: it makes a user with a password, who
// is the loader there. All of these are dropped at the end. The bucket must be in the
// cluster's region; its keys are found as AWS's own tools find them. Tables have a few
// rows, but there are several thousand statements, and a small cluster, which has to
// compile each, may take tens of minutes. Without bucket or role, the suite skips what
// needs COPY, and says so.
package conformance
