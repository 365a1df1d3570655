package kubernetes

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
)

// The keys of the Secret that every installation makes.
const (
	sourcePassword    = "ohSh7vaeXoo9"
	warehousePassword = "Iek3aiXaem4e"
)

// pod is a pod's container on this machine: the real binary with only the arguments,
// variables and files that the pod gives it.
type pod struct {
	binary string
	args   []string
	env    []string
	config string // the path of the config file
}

// run starts the binary and waits for its end. It returns the exit code and the output.
func (p *pod) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, p.binary, args...)
	c.Env = p.env
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%v: %v\n%s", args, err, said.Bytes())
	}
	return c.ProcessState.ExitCode(), out.String(), said.String()
}

// local puts a pod's files into a folder of the test, and replaces the pod's paths in the
// config and the variables by that folder's.
func local(t *testing.T, from objects, template core.PodTemplateSpec) *pod {
	t.Helper()
	c := container(t, template)
	root := t.TempDir()
	mounts := slices.SortedFunc(slices.Values(c.VolumeMounts), func(a, b core.VolumeMount) int {
		return len(b.MountPath) - len(a.MountPath) // longer paths before those with which they begin
	})
	var moved []string
	for _, m := range mounts {
		moved = append(moved, m.MountPath+"/", filepath.Join(root, m.MountPath)+"/")
	}
	here := strings.NewReplacer(moved...)
	for _, m := range mounts {
		for name, text := range files(t, from, template, m.Name) {
			path := filepath.Join(root, m.MountPath, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(here.Replace(text)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := &pod{binary: binary(t), args: c.Args}
	for _, e := range c.Env {
		value := here.Replace(e.Value)
		p.env = append(p.env, e.Name+"="+value)
		if e.Name == "ROWSHIFT_CONFIG" {
			p.config = value
		}
	}
	for range c.EnvFrom {
		p.env = append(p.env, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	}
	return p
}

// files returns the files of a volume: as they are rendered, or as the pages say to make
// them.
func files(t *testing.T, from objects, template core.PodTemplateSpec, volume string) map[string]string {
	t.Helper()
	for _, v := range template.Spec.Volumes {
		switch {
		case v.Name != volume:
		case v.Secret != nil:
			return map[string]string{"source-password": sourcePassword + "\n", "warehouse-password": warehousePassword + "\n"}
		case v.ConfigMap != nil && v.ConfigMap.Optional != nil && *v.ConfigMap.Optional:
			return map[string]string{"rds.pem": certificate(t)}
		case v.ConfigMap != nil:
			for _, c := range all[*core.ConfigMap](from) {
				if c.Name == v.ConfigMap.Name {
					return c.Data
				}
			}
		}
	}
	t.Fatalf("nothing is in the volume %s", volume)
	return nil
}

// certificate makes a certificate that vouches for nobody.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// built is the path of the binary, and its folder, which TestMain removes.
var built struct {
	once   sync.Once
	folder string
	err    error
}

// binary builds cmd/rowshift once. It does not use the system's temporary folder, since
// on some machines nothing in it can be executed.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		cache, err := os.UserCacheDir()
		if err == nil {
			built.folder, err = os.MkdirTemp(cache, "rowshift-pod-")
		}
		if err != nil {
			built.err = err
			return
		}
		c := exec.Command("go", "build", "-o", built.folder+"/rowshift", "./cmd/rowshift")
		c.Dir = "../.."
		if out, err := c.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.folder + "/rowshift"
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
	os.Exit(code)
}
