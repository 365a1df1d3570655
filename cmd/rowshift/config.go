package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"time"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/schema"
	"rowshift/sink/bucket"

	"go.uber.org/zap/zapcore"
)

// config is the meaning of the config file, checked and typed. It holds references to
// secrets, never the secrets.
type config struct {
	pipeline  string
	source    sourceConfig
	warehouse warehouseConfig
	bucket    bucketConfig
	limits    replicator.Limits
	hashKey   secret          // key for hashed columns; unset if no column is hashed
	tables    []schema.Choice // sorted by name

	refresh      time.Duration // how often a quiet stream moves the checkpoint; negative: only by refreshBytes
	refreshBytes uint64
	listen       string
	level        zapcore.Level
}

type sourceConfig struct {
	database
	slot          string
	publication   string
	create        bool
	loadYield     time.Duration
	cataloguePoll time.Duration // interval between two looks at the catalogue
	format        postgres.Format
	resyncLost    bool // reset a lost slot without being asked
}

type warehouseConfig struct {
	database
	schema         string
	metadataSchema string
	copyRole       string
	readers        []string
	queryGroup     string
	haltOnCopy     bool // halt when COPY refuses a row that should fit
	printDDL       bool // print alterations of targets for somebody else to run
}

type bucketConfig struct {
	url         string
	region      string
	kmsKey      string
	endpoint    string
	compression bucket.Compression
}

// loadConfig reads and checks the file at path. Its error is a *faults with everything
// that is wrong.
func loadConfig(path string) (*config, error) {
	if path == "" {
		f := newFaults("rowshift")
		f.addFile("--config, or ROWSHIFT_CONFIG, is empty", "name the config's file")
		return nil, f.err()
	}
	f := newFaults(path)
	text, err := os.ReadFile(path)
	if err != nil {
		remedy := "name the config by --config or ROWSHIFT_CONFIG"
		if errors.Is(err, fs.ErrPermission) {
			remedy = fmt.Sprintf("make it readable for uid %d", os.Geteuid())
		}
		f.addFile("cannot be read: "+reasonOf(err), remedy)
		return nil, f.err()
	}
	c := readConfig(text, f)
	return c, f.err()
}

// readConfig reads and checks a file's text. It returns nil if anything is wrong.
func readConfig(text []byte, f *faults) *config {
	d, ok := parseDocument(text, f)
	if !ok {
		return nil // nobody can know what else is wrong
	}
	c := (&reading{faults: f, written: map[string]string{}}).config(d)
	if len(f.found) > 0 {
		return nil
	}
	return c
}

// pipelineName keeps the name of a pipeline valid as part of an object's key, an
// application name and a slot's name.
var pipelineName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)

// config checks all settings, even after some were found wrong.
func (r *reading) config(d document) *config {
	c := &config{}
	c.pipeline = r.matching("pipeline", d.Pipeline, required, pipelineName,
		"1 to 40 of a-z, 0-9, _ and -, a letter first")
	c.source = r.source(d.Source, c.pipeline)
	c.warehouse = r.warehouse(d.Warehouse)
	c.bucket = r.bucket(d.Bucket)
	c.limits = r.limits(d.Batch)
	c.hashKey = r.hashKey(d.HashKey)
	c.tables = r.tables(d.Tables)
	c.refresh = r.refresh(d.CheckpointRefresh)
	c.refreshBytes = uint64(r.size("checkpoint_refresh_wal", d.CheckpointRefreshWAL, 256<<20, 1<<20, 1<<40))
	c.listen = r.listen("listen", d.Listen, ":9187")
	c.level, _ = zapcore.ParseLevel(r.oneOf("log.level", d.Log.Level, "info", "debug", "warn", "error"))
	return c
}

// refresh reads how often a quiet stream moves the checkpoint. 0 in the file means never
// by time alone, for which the replicator takes a negative duration.
func (r *reading) refresh(s setting) time.Duration {
	d := r.duration("checkpoint_refresh", s, 5*time.Minute, 0, 24*time.Hour)
	if d == 0 {
		return -1
	}
	return d
}

// limits reads when a batch is sealed. max_age seals every batch, so a min_interval
// longer than that would have no effect, and is a fault.
func (r *reading) limits(d batchDocument) replicator.Limits {
	l := replicator.Limits{
		Rows:        int(r.number("batch.rows", d.Rows, 500_000, 1, 10_000_000)),
		Bytes:       int(r.size("batch.bytes", d.Bytes, 128<<20, 1<<20, 8<<30)),
		MinInterval: r.duration("batch.min_interval", d.MinInterval, time.Second, 0, 24*time.Hour),
	}
	l.MaxAge = r.duration("batch.max_age", d.MaxAge, max(5*time.Second, l.MinInterval), 10*time.Millisecond, 24*time.Hour)
	if l.MinInterval > l.MaxAge {
		r.add("batch.min_interval", "is longer than batch.max_age, which seals a batch before it",
			"raise batch.max_age as well, or leave it out")
	}
	l.MinInterval = max(l.MinInterval, 1) // 0 would mean the default
	return l
}
