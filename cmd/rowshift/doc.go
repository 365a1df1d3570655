// Command rowshift keeps chosen tables of a PostgreSQL database equal in Amazon
// Redshift, seconds behind.
//
// This package is everything that the operator touches: the command line, the config
// file, the log, the metrics and the HTTP endpoints. Nothing imports it, and no other
// package knows the config: rooms.go turns it into the plain options of each room.
//
// # A run
//
//	config file -> document (as written) -> config (checked, typed) -> rooms -> replicator.Run
//
// All faults of the file are reported at once, a line each, before anything is touched.
// Secrets are kept as references, and read again at each connect.
//
// The replicator reports what happens to one replicator.Listener, which Tee joins of
// three: the log, the metrics and the state. The state remembers how things stand now,
// and answers /readyz and the scrapes; the teller draws the progress of a load beneath
// the log.
//
// # States
//
//	starting --> waiting (for the slot, for old transactions) --> streaming, or loading
//	   any   --> restarting (a pass failed; the next begins by itself)
//	   any   --> halted (a person has to decide)
//	  halted --> looking (every few minutes: it streams or loads as if all were well)
//	 looking --> halted again, or streaming or loading once the halt is known to be over
//
// /readyz answers 200 while waiting, loading or streaming: a standby that waits for the
// slot is as ready as it can be. In all other states it answers 503. A halt is answered
// with its reason and the command that repairs it, also while looking. /healthz answers
// 200 as long as the process can answer. It depends on nothing outside, so that an outage
// elsewhere never makes an orchestrator kill the daemon.
//
// # Exit codes
//
//	0  all well; `run` was told to end, or drained with --once; `plan` has printed what is due
//	1  something failed, or could not be asked
//	2  the config or the command line is bad
package main
