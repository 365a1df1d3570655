// Package bucket keeps batches and loads in S3, where the warehouse can COPY them from. It
// implements the replicator's Stager and Sweeper.
//
// # Model
//
// A fold, or a table's load, becomes compressed CSV, cut into objects of some megabytes that are
// put by one request each, and a manifest that names the objects with their lengths, all
// mandatory. COPY reads only the manifest. So an object that no manifest names is never loaded,
// and a named object that is missing fails the COPY. A fold's manifest is put at the same time
// as its last object, which saves each batch a round trip. Nobody is told of the manifest before
// both are there.
//
//	<prefix>/<pipeline>/<epoch>/<lsn>-<attempt>/<table oid>-<fold>-<number>.csv.zst
//	<prefix>/<pipeline>/<epoch>/<lsn>-<attempt>/<table oid>-<fold>.manifest
//	<prefix>/<pipeline>/<epoch>/load-<attempt>/<table oid>-<range>-<number>.csv.zst
//	<prefix>/<pipeline>/<epoch>/load-<attempt>/<table oid>-<cut>.manifest
//	<prefix>/<pipeline>/check-<random>
//	<prefix>/<pipeline>/quarantine/<epoch>/...-<attempt>/<table oid>-<fold>-<number>.jsonl.zst
//
// Epochs and LSNs are padded with zeros, so that they sort. An attempt belongs to one call in
// one process and its name never comes again, so two attempts never mix and no object is written
// twice. A key contains no name from the source.
//
// # The CSV
//
// Every value is quoted, and quotes inside it are doubled. NULL is a marker without quotes. It
// has to differ from every value, because COPY does not document that it tells a quoted empty
// field from an unquoted one, or a quoted marker from an unquoted one. So the marker is random
// in each attempt, and every value is compared with it. If one is equal, which nobody can bring
// about without knowing the marker, the attempt is given up and made again with another marker.
//
// A value that its Redshift type cannot hold is treated by its column's rule. Every value that
// was adjusted and every row that was refused has an entry in a ledger, in files of its own
// beside the rows. A refused row is also kept whole, for people to read, in a folder that Sweep
// does not touch; its object is deleted only when its entry is dropped from quarantine.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
//
// # Memory
//
// Each series of objects that is being written, of the rows, the ledger or the refused rows of
// a fold or of a part of a load, has one object that fills, one that is being put, and a
// compressor. Objects consist of blocks, and batches and loads each have a budget of blocks
// (Options.Memory). An object that gets no further block is cut, however small it is. So nobody
// waits for memory, and no load takes memory from a batch. Blocks and compressors are reused.
//
// # Failures
//
//	what fails                                     what is done
//	throttling, 5xx, time-outs, dropped links      the SDK tries again, then an *Error that is Retryable
//	refused (rights, credentials, the request)     the same for a minute, then a Halt: rights and credentials
//	                                               can change, and be repaired, while the daemon runs
//	no such bucket, another region, a bad key      a Halt
//	what an attempt leaves behind                  deleted at once if possible, else swept: objects of
//	                                               epochs before the pass at hand, once they are old
//
// The core discards what was staged for a batch that is not merged, or put for a load that is
// given up, refused rows included. Only refused rows of a merge or load that nobody knows the end
// of stay, because their entries may be in quarantine.
package bucket
