package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and commit are set by the linker: -ldflags "-X main.version=v1.2.3 -X main.commit=abc".
var version, commit string

// build describes the binary.
type build struct {
	Version string
	Commit  string
	Go      string
}

// built returns what the linker was told or, without that, what the Go tool recorded.
func built() build {
	b := build{Version: version, Commit: commit, Go: runtime.Version()}
	noted, ok := debug.ReadBuildInfo()
	if !ok {
		noted = &debug.BuildInfo{}
	}
	if b.Version == "" {
		b.Version = noted.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "dev"
	}
	for _, s := range noted.Settings {
		if s.Key == "vcs.revision" && b.Commit == "" {
			b.Commit = s.Value
		}
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}

type versionCommand struct{}

// Run prints one line with the build.
func (versionCommand) Run(o *outside) error {
	b := built()
	_, err := fmt.Fprintf(o.stdout, "rowshift %s (commit %s, %s %s/%s)\n", b.Version, b.Commit, b.Go, runtime.GOOS, runtime.GOARCH)
	return err
}
