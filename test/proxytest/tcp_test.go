package proxytest_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rowshift/test/proxytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers every line with the same line.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

type client struct {
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, p *proxytest.TCP) client {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return client{Conn: c, lines: bufio.NewReader(c)}
}

// say sends a line and returns what came back up to its end or an error.
func (c client) say(line string) (string, error) {
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	got, err := c.lines.ReadString('\n')
	return strings.TrimSuffix(got, "\n"), err
}

func (c client) mustEcho(t *testing.T) {
	t.Helper()
	if got, err := c.say("hello"); got != "hello" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestTCPPassesBytesAndEnds(t *testing.T) {
	p := proxytest.StartTCP(t, echo(t))
	c := dial(t, p)
	c.mustEcho(t)
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.lines.ReadByte(); err != io.EOF {
		t.Errorf("an orderly end became %v", err)
	}
	if p.Accepted() != 1 {
		t.Errorf("accepted %d", p.Accepted())
	}
}

func TestTCPCutsAfterTheByte(t *testing.T) {
	for _, n := range []int64{0, 1, 4} {
		p := proxytest.StartTCP(t, echo(t))
		c := dial(t, p)
		c.mustEcho(t)
		p.CutAfter(proxytest.Down, n)
		got, err := c.say("hello")
		if err == nil || int64(len(got)) > n {
			t.Errorf("after %d bytes: got %q, %v", n, got, err)
		}
		dial(t, p).mustEcho(t) // the cut happens once
	}
	p := proxytest.StartTCP(t, echo(t))
	p.CutAfter(proxytest.Up, 6)
	c := dial(t, p)
	c.mustEcho(t)
	if got, err := c.say("x"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the seventh byte: got %q, %v", got, err)
	}
}

func TestTCPStallsAndResumes(t *testing.T) {
	p := proxytest.StartTCP(t, echo(t))
	c := dial(t, p)
	c.mustEcho(t)
	p.Stall(proxytest.Down)
	if _, err := io.WriteString(c, "late\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); err == nil {
		t.Errorf("%q came through a stalled proxy", got)
	}
	p.Resume()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != "late\n" || err != nil {
		t.Errorf("after the stall: %q, %v", got, err)
	}
	p.Stall() // Close has to end a stalled proxy too
}

func TestTCPResetsAndRefuses(t *testing.T) {
	p := proxytest.StartTCP(t, echo(t))
	a, b := dial(t, p), dial(t, p)
	a.mustEcho(t)
	b.mustEcho(t)
	if n := p.ResetAll(); n != 2 {
		t.Errorf("%d connections were reset", n)
	}
	if _, err := a.lines.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a reset is seen as %v", err)
	}
	p.Refuse(true)
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		if n, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("refused, but got %d bytes", n)
		}
		c.Close()
	}
	p.Refuse(false)
	dial(t, p).mustEcho(t)
}

func TestTCPResetsWhenTheServerIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p := proxytest.StartTCP(t, l.Addr().String())
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return // the reset came first
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("nobody there, but got %d bytes", n)
	}
}

// The flow stops at a text that a client sends, either before the server has it or
// before its answer.
func TestStopAt(t *testing.T) {
	for _, ways := range [][]proxytest.Direction{nil, {proxytest.Down}} {
		p := proxytest.StartTCP(t, echo(t))
		c := dial(t, p)
		reached := p.StopAt("two", ways...)
		for _, line := range []string{"one\n", "two\n"} {
			if _, err := io.WriteString(c, line); err != nil {
				t.Fatal(err)
			}
			if line == "one\n" {
				if got, err := c.lines.ReadString('\n'); err != nil || got != line {
					t.Fatalf("%q, %v", got, err)
				}
			}
		}
		<-reached
		p.Resume()
		if got, err := c.lines.ReadString('\n'); err != nil || got != "two\n" {
			t.Errorf("%q, %v", got, err)
		}
	}
}
