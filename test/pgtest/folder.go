package pgtest

import (
	"errors"
	"os"

	"rowshift/test/scratch"
)

const folderPrefix = "rowshift-pg-"

// baseDir returns the temporary folder, or another if its name is too long for a socket
// or the user that PostgreSQL runs as cannot enter it.
func baseDir(o owner) string {
	const room = 60
	if dir := os.TempDir(); len(dir) <= room && o.reaches(dir) {
		return dir
	}
	return "/tmp"
}

// makeFolder makes the server's folder.
func makeFolder(o owner) (*scratch.Folder, error) {
	f, err := scratch.New(baseDir(o), folderPrefix)
	if err != nil {
		return nil, err
	}
	if err := o.take(f.Path); err != nil {
		return nil, errors.Join(err, f.Remove())
	}
	return f, nil
}
