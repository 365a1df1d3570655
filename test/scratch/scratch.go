// Package scratch makes temporary folders that do not outlive their process for long.
//
// A [Folder] contains a file that its process keeps locked as long as it lives. A process
// that was killed cannot remove its folders. The next one that makes a folder with the
// same prefix finds their locks free and removes them.
package scratch

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// young is the age below which a folder is left alone, since it may not have its lock
// yet.
const young = time.Minute

// lockName is the file in a folder whose lock means that the folder is in use.
const lockName = "lock"

// Folder is a temporary folder in use.
type Folder struct {
	Path string
	lock *os.File
}

// New makes a folder in base whose name begins with prefix. First it removes those that
// dead processes have left there.
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

// sweep removes what dead processes have left. It does what it can: what it cannot open
// belongs to another user.
func sweep(base, prefix string) {
	old, _ := filepath.Glob(filepath.Join(base, prefix+"*")) // the only error is a bad pattern, and the prefixes have no special characters
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
