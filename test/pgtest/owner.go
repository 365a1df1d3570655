package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// owner is the user that PostgreSQL runs as.
type owner struct {
	uid, gid uint32
	// other is set if that is not the user of this process.
	other bool
}

// findOwner returns the current user or, for root, the first of postgres and nobody that
// exists.
func findOwner() (owner, error) {
	if uid := os.Geteuid(); uid != 0 {
		return owner{uid: uint32(uid), gid: uint32(os.Getegid())}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU == nil && errG == nil {
			return owner{uid: uint32(uid), gid: uint32(gid), other: true}, nil
		}
	}
	return owner{}, errors.New("pgtest: PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody: run as another user")
}

// take gives a file or folder to the owner.
func (o owner) take(path string) error {
	if !o.other {
		return nil
	}
	return os.Lchown(path, int(o.uid), int(o.gid))
}

// dress makes cmd run as the owner, in a folder that the owner can enter and without
// environment variables that would lead PostgreSQL to another server.
func (o owner) dress(cmd *exec.Cmd, dir string) {
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	if o.other {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
}

// reaches reports whether the owner can enter every folder down to path.
func (o owner) reaches(path string) bool {
	if !o.other {
		return true
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if err != nil || st.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
