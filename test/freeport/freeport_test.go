package freeport

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A chosen port is within the bounds, and one can listen on it.
func TestAddress(t *testing.T) {
	for range 20 {
		address, err := Address()
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if port := l.Addr().(*net.TCPAddr).Port; port < least || port >= most {
			t.Errorf("port %d", port)
		}
	}
}

// A port that was drawn is drawn by no one else, in this process or another, as long as
// its process lives.
func TestAPortIsDrawnOnce(t *testing.T) {
	const port, other = 20_000, 20_001
	path := filepath.Join(t.TempDir(), "ports")
	if path := os.Getenv("FREEPORT_BOOK"); path != "" {
		b := &book{path: path}
		for _, p := range []int{port, other} {
			mine, err := b.take(p)
			fmt.Println(p, mine, err)
		}
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	b := &book{path: path}
	for i, want := range []bool{true, false} {
		if mine, err := b.take(port); mine != want || err != nil {
			t.Errorf("take %d of a process: %v, %v", i, mine, err)
		}
	}
	child := exec.Command(os.Args[0], "-test.run", "^TestAPortIsDrawnOnce$")
	child.Env = append(os.Environ(), "FREEPORT_BOOK="+path)
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{fmt.Sprint(port, " false <nil>"), fmt.Sprint(other, " true <nil>")} {
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("another process says %q, want %q", lines.Text(), want)
		}
	}
	if mine, err := b.take(other); mine || err != nil {
		t.Errorf("a port that another process has: %v, %v", mine, err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if mine, err := b.take(other); !mine || err != nil {
		t.Errorf("a port whose process has ended: %v, %v", mine, err)
	}
}
