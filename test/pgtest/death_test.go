package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rowshift/test/pgtest"
)

// serveOnly is the environment variable that makes this test binary start a server,
// print its address and folder, and do nothing more.
const serveOnly = "PGTEST_SERVE_ONLY"

func serve() error {
	s, err := pgtest.New(context.Background(), pgtest.Options{})
	if err != nil {
		return err
	}
	fmt.Printf("%s:%d %s\n", s.Host, s.Port, s.Dir)
	select {}
}

func TestServerDiesWithItsProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), serveOnly+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child did not start a server: %v", err)
	}
	address, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a killed process cannot clean up
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Error("the server outlived its process by 10 s")
}
