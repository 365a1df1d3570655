package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and revision are set by the linker: -ldflags "-X main.version=v1.2.3 -X main.revision=abc".
var version, revision string

// build describes the binary.
type build struct {
	Version  string
	Revision string
	Go       string
}

// built returns what the linker was told or, without that, what the Go tool recorded.
func built() build {
	b := build{Version: version, Revision: revision, Go: runtime.Version()}
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
		if s.Key == "vcs.revision" && b.Revision == "" {
			b.Revision = s.Value
		}
	}
	if b.Revision == "" {
		b.Revision = "unknown"
	}
	return b
}

type versionCommand struct{}

// Run prints one line with the build.
func (versionCommand) Run(o *outside) error {
	b := built()
	_, err := fmt.Fprintf(o.stdout, "rowshift %s (revision %s, %s %s/%s)\n", b.Version, b.Revision, b.Go, runtime.GOOS, runtime.GOARCH)
	return err
}
