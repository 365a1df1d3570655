package pgtest

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const folderPrefix = "rowshift-pg-"

// folder is a server's place on disk and the lock that says it is in use.
type folder struct {
	path string
	lock *os.File
}

// baseDir is the temporary folder, unless its name is too long for a socket
// or closed to the user that PostgreSQL runs as.
func baseDir(o owner) string {
	const room = 60
	if dir := os.TempDir(); len(dir) <= room && o.reaches(dir) {
		return dir
	}
	return "/tmp"
}

func makeFolder(o owner) (*folder, error) {
	base := baseDir(o)
	sweep(base)
	path, err := os.MkdirTemp(base, folderPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	f := &folder{path: path, lock: lock}
	if err := errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX), o.take(path)); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return f, nil
}

func (f *folder) remove() error {
	return errors.Join(os.RemoveAll(f.path), f.lock.Close())
}

// sweep removes what processes that died have left. It is best effort: what
// cannot be opened belongs to somebody else, and a young folder may not have
// its lock yet.
func sweep(base string) {
	const young = time.Minute
	old, _ := filepath.Glob(filepath.Join(base, folderPrefix+"*")) // the pattern is well formed
	for _, path := range old {
		st, err := os.Stat(path)
		if err != nil || time.Since(st.ModTime()) < young {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(path)
		}
		_ = lock.Close()
	}
}
