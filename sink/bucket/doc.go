// Package bucket keeps batches and loads in S3, where the warehouse can COPY them
// from: the replicator's Stager and Sweeper.
//
// # Model
//
// A fold, or a table's load, becomes CSV, compressed and cut into objects of some
// megabytes, each put by one request; and a manifest that names them with their lengths,
// all mandatory. COPY reads the manifest and nothing else, so an object that no manifest
// names is never loaded, and one that is gone fails the COPY. A fold's manifest is put
// beside its last object, which spares each batch a round trip: nobody is told of it
// before both are there.
//
//	<prefix>/<pipeline>/<epoch>/<lsn>-<attempt>/<table oid>-<fold>-<part>.csv.zst
//	<prefix>/<pipeline>/<epoch>/<lsn>-<attempt>/<table oid>-<fold>.manifest
//	<prefix>/<pipeline>/<epoch>/load-<attempt>/<table oid>-<range>-<part>.csv.zst
//	<prefix>/<pipeline>/<epoch>/load-<attempt>/<table oid>-<cut>.manifest
//	<prefix>/<pipeline>/check-<random>
//	<prefix>/<pipeline>/quarantine/<epoch>/...-<attempt>/<table oid>-<fold>-<part>.jsonl.zst
//
// Epochs and LSNs are padded, so that they sort. An attempt is of one call in one
// process and never comes again, so two attempts never mix, and an object is never
// written twice. A key holds no name out of the source.
//
// # The CSV
//
// Every value is quoted, and a quote in it is doubled. NULL is a marker that is not
// quoted, because COPY documents no difference between a quoted empty field and one
// that is not, nor between a quoted marker and one that is not. The marker is random
// in each attempt and compared with every value; if one is equal, which nobody can
// bring about who does not know it, the attempt is given up and made again with
// another. A value that its Redshift type cannot hold goes by its column's rule. What was
// adjusted or refused has an entry in a ledger, files of their own beside the rows; and a
// refused row is kept whole, for people to read, where neither Discard nor Sweep comes.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
//
// # Memory
//
// Each fold or part that is being written has one object that fills and one that is
// being put, and a compressor. Objects are in blocks, of which there are so many for
// batches and for loads (Options.Memory): one that finds no more is cut, however small it
// is, so nobody waits for memory and no load keeps a batch from it. What is done is
// reused.
//
// # Failures
//
//	what fails                                     what is done
//	throttling, 5xx, time-outs, dropped links      the SDK tries again, then an *Error that is Retryable
//	refused (rights, credentials, the request)     the same for a minute, then a Halt: rights and credentials
//	                                               change under a running daemon, and heal
//	no such bucket, another region, a bad key      a Halt
//	what an attempt leaves behind                  deleted at once if it can be, else swept: objects of
//	                                               epochs before the daemon's own, once they are old
package bucket
