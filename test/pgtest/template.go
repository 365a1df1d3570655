package pgtest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// makeData fills dir/data with a new cluster: a copy of the cached template, or initdb's
// own output if fresh, so that it has its own identity.
func makeData(ctx context.Context, b binaries, o owner, dir string, fresh bool) error {
	data := filepath.Join(dir, "data")
	if fresh {
		return initdb(ctx, b, o, dir)
	}
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	template := filepath.Join(cache, b.templateName())
	if _, err := os.Stat(template); err == nil {
		return copyTree(template, data, o)
	}
	if err := initdb(ctx, b, o, dir); err != nil {
		return err
	}
	return keepTemplate(data, template)
}

// templateName identifies binaries by path, size and time of change, so that an upgraded
// server gets a new template.
func (b binaries) templateName() string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", b.dir, os.Geteuid())
	if st, err := os.Stat(filepath.Join(b.dir, "postgres")); err == nil {
		fmt.Fprintf(h, " %d %d", st.Size(), st.ModTime().UnixNano())
	}
	return fmt.Sprintf("template-%d-%016x", b.major, h.Sum64())
}

// keepTemplate copies a cluster that was never started into the cache, completely or not
// at all.
func keepTemplate(data, template string) error {
	half, err := os.MkdirTemp(filepath.Dir(template), "half-")
	if err != nil {
		return err
	}
	if err := copyTree(data, half, owner{}); err != nil {
		return errors.Join(err, os.RemoveAll(half))
	}
	if err := os.Rename(half, template); err != nil {
		return errors.Join(err, os.RemoveAll(half))
	}
	return nil
}

func initdb(ctx context.Context, b binaries, o owner, dir string) error {
	pwfile := filepath.Join(dir, "pwfile")
	if err := os.WriteFile(pwfile, []byte(Password+"\n"), 0o600); err != nil {
		return err
	}
	if err := o.take(pwfile); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "initdb"), "-D", filepath.Join(dir, "data"),
		"-U", Superuser, "--pwfile", pwfile, "-A", string(SCRAM), "-E", "UTF8", "--locale=C", "--no-sync")
	o.dress(cmd, dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("pgtest: initdb: %w: %s", err, out)
	}
	return os.Remove(pwfile)
}

// copyTree copies folders and plain files, which is all that a new cluster has, and
// gives them to o.
func copyTree(from, to string, o owner) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if e.IsDir() {
			err = os.MkdirAll(target, 0o700)
		} else {
			err = copyFile(path, target)
		}
		if err != nil {
			return err
		}
		return o.take(target)
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}
