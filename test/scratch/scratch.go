// Package scratch makes temporary folders that do not outlive their process for long.
//
// A [Folder] holds a file with a lock on it for as long as its process lives. A
// process that was killed cannot remove its folders; the next that makes one with
// the same prefix finds that their locks are free, and does.
package scratch

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// young is the age up to which a folder is left alone: it may not have its lock yet.
const young = time.Minute

// lockName is the file in a folder whose lock says that it is in use.
const lockName = "lock"

// Folder is a temporary folder in use.
type Folder struct {
	Path string
	lock *os.File
}

// New makes a folder in base whose name begins with prefix, after it has removed
// those that the dead have left there.
func New(base, prefix string) (*Folder, error) {
	sweep(base, prefix)
	path, err := os.MkdirTemp(base, prefix)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	f := &Folder{Path: path, lock: lock}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Remove())
	}
	return f, nil
}

// Remove removes the folder and all that is in it.
func (f *Folder) Remove() error {
	return errors.Join(os.RemoveAll(f.Path), f.lock.Close())
}

// sweep removes what processes that died have left. It is best effort: what cannot
// be opened belongs to somebody else.
func sweep(base, prefix string) {
	old, _ := filepath.Glob(filepath.Join(base, prefix+"*")) // the prefixes are plain
	for _, path := range old {
		st, err := os.Stat(path)
		if err != nil || time.Since(st.ModTime()) < young {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(path)
		}
		_ = lock.Close()
	}
}
