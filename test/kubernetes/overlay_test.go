package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	batch "k8s.io/api/batch/v1"
)

// The Jobs of an overlay of one's own, made as the README says, run its image, and have the keys
// of an IAM user where their overlay lists that component again.
func TestJobsOfAnOverlayOfOnesOwn(t *testing.T) {
	const image = "registry.acme.example/rowshift:2"
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(manifests)); err != nil {
		t.Fatal(err)
	}
	overlays := filepath.Join(folder, "overlays")
	if err := os.CopyFS(overlays+"/acme", os.DirFS(overlays+"/production")); err != nil {
		t.Fatal(err)
	}
	edit(t, overlays+"/acme/kustomization.yaml", "registry.example.com/rowshift\n", "registry.acme.example/rowshift\n",
		"0.1.0", `"2"`, "  - ../../components/standby", "  - ../../components/aws-keys")
	for _, job := range []string{"check", "reset-slot", "teardown"} {
		path := filepath.Join(overlays, job)
		edit(t, path+"/kustomization.yaml", "../production]", "../acme]", "../components/"+job+"]", "../components/"+job+", ../../components/aws-keys]")
		from := build(t, path)
		daemon, _ := from.pods()
		does := container(t, one[*batch.Job](t, from).Spec.Template)
		if got := container(t, daemon).Image; got != image || does.Image != image {
			t.Errorf("%s runs %s, the daemon %s", job, does.Image, got)
		}
		if len(container(t, daemon).EnvFrom) != 1 || len(does.EnvFrom) != 1 {
			t.Errorf("%s has the keys of %v, the daemon of %v", job, does.EnvFrom, container(t, daemon).EnvFrom)
		}
	}
}

// edit replaces texts of a file, each of which has to be in it.
func edit(t *testing.T, path string, pairs ...string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(text), pairs[i]) {
			t.Fatalf("%s lacks %q", path, pairs[i])
		}
	}
	if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}
