package scratch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"rowshift/test/scratch"
)

// TestTheDeadAreSwept has a folder in use, one whose process died, one that was made just
// now, and one with another prefix.
func TestTheDeadAreSwept(t *testing.T) {
	base := t.TempDir()
	made := func(prefix string) *scratch.Folder {
		t.Helper()
		f, err := scratch.New(base, prefix)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Remove() })
		return f
	}
	left := func(name string) string {
		t.Helper()
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Join(path, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	aged := func(path string) string {
		t.Helper()
		hour := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, hour, hour); err != nil {
			t.Fatal(err)
		}
		return path
	}
	used := aged(made("world-").Path)
	dead := aged(left("world-dead"))
	young := left("world-young")
	others := aged(left("other-dead"))
	last := made("world-")

	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("what the dead have left is there: %v", err)
	}
	for _, path := range []string{used, young, others, last.Path} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("it is gone: %v", err)
		}
	}
	if err := last.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(last.Path); !os.IsNotExist(err) {
		t.Errorf("after Remove: %v", err)
	}
}
