package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	manifests = "../../deploy/kubernetes"
	chart     = "../../deploy/helm/rowshift"
	release   = "rowshift"
)

// token is the one that overlays/reset-slot shows.
const token = "2026-11-25"

// forms are the ways to deploy, by kustomize and by Helm.
var forms = []struct {
	kustomization string
	values        []string // arguments of helm template
}{
	{"base", []string{"-f", chart + "/ci/base-values.yaml"}},
	{"overlays/dev", []string{"-f", chart + "/ci/dev-values.yaml"}},
	{"overlays/production", []string{"-f", chart + "/ci/production-values.yaml"}},
	{"overlays/check", []string{"-f", chart + "/ci/production-values.yaml", "--set", "check=true"}},
	{"overlays/reset-slot", []string{"-f", chart + "/ci/production-values.yaml", "--set-string", "resetSlot.token=" + token}},
	{"overlays/teardown", []string{"-f", chart + "/ci/production-values.yaml", "--set", "teardown=true"}},
}

// each runs a test on every form, as kustomize and as Helm render it.
func each(t *testing.T, test func(*testing.T, objects)) {
	for _, f := range forms {
		t.Run("kustomize/"+f.kustomization, func(t *testing.T) { test(t, kustomize(t, f.kustomization)) })
		t.Run("helm/"+f.kustomization, func(t *testing.T) { test(t, template(t, f.values...)) })
	}
}

// kustomize builds a kustomization of ours.
func kustomize(t *testing.T, folder string) objects {
	t.Helper()
	return build(t, filepath.Join(manifests, folder))
}

// build builds a kustomization as `kustomize build` does.
func build(t *testing.T, folder string) objects {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	var all objects
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, decode(t, text))
	}
	return all
}

// template renders the chart as `helm template` does.
func template(t *testing.T, args ...string) objects {
	t.Helper()
	all, err := rendered(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rendered renders the chart with values that may be refused.
func rendered(t *testing.T, args ...string) (objects, error) {
	t.Helper()
	out, err := helm(t, append([]string{"template", release, chart}, args...)...)
	if err != nil {
		return nil, err
	}
	var all objects
	for document := range bytes.SplitSeq(out, []byte("---\n")) {
		if len(bytes.TrimSpace(document)) > 0 {
			all = append(all, decode(t, document))
		}
	}
	return all, nil
}

// helm runs Helm and returns its output. The error includes what Helm says of a failure.
func helm(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	path := os.Getenv("HELM")
	if path == "" {
		path = "helm"
	}
	if _, err := exec.LookPath(path); err != nil {
		t.Fatalf("%v: `make deploy-test` installs Helm, or set HELM to where it is", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.Env = []string{"HOME=" + t.TempDir()} // without the repositories, plugins and cluster of whoever runs this
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return out, fmt.Errorf("helm %v: %w\n%s%s", args, err, stderr.Bytes(), out)
	}
	return out, nil
}

func TestHelmLint(t *testing.T) {
	for _, f := range forms {
		if _, err := helm(t, append([]string{"lint", "--strict", chart}, f.values...)...); err != nil {
			t.Error(err)
		}
	}
}
