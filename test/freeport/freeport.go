// Package freeport chooses ports for servers that another process starts later.
//
// A port that the system gave out and took back may be given to whoever asks next, or to
// a connection that somebody opens. So ports are drawn from below those that systems give
// out by themselves: 32768 and up on Linux, 49152 and up elsewhere. No two processes of
// one user draw the same port: a process keeps the ports that it drew until it ends, by
// locks on bytes of a file that all of them open. Two servers started at once on one port
// would be worse than one that does not start, because whoever waits for the second would
// find the first.
// https://docs.kernel.org/networking/ip-sysctl.html#ip-variables
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// The bounds of the ports that are drawn.
const (
	least = 15_000
	most  = 32_000
)

// Port returns a loopback port on which nobody listens, and which nobody else draws as
// long as this process lives.
func Port() (port int, err error) {
	for range 100 {
		port = least + rand.IntN(most-least)
		var mine bool
		if mine, err = drawn.take(port); err != nil {
			return 0, fmt.Errorf("freeport: %w", err)
		}
		if !mine {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("freeport: %w", errors.Join(errors.New("a hundred ports are taken"), err))
}

// Address returns a loopback address with such a port, as host:port.
func Address() (string, error) {
	port, err := Port()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", port), nil
}

// drawn are the ports that this process has drawn. The file stays. It is not in a folder
// in which programs must leave nothing behind, nor in one that may differ between
// processes.
var drawn = book{path: filepath.Join(folder(), "rowshift", "ports")}

func folder() string {
	if dir, err := os.UserCacheDir(); err == nil {
		return dir
	}
	return filepath.Join("/var/tmp", fmt.Sprint("of-", os.Getuid())) // for users without a home
}

// book is a file in which each process locks the bytes of its ports. A process holds its
// locks as a whole, and until it closes the file, which it never does.
// https://man7.org/linux/man-pages/man2/fcntl_locking.2.html
type book struct {
	path string

	mu    sync.Mutex
	file  *os.File
	ports map[int]bool
}

// take locks a port, and reports whether this process has it from now on and did not
// before.
func (b *book) take(port int) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		err := os.MkdirAll(filepath.Dir(b.path), 0o700)
		if err != nil {
			return false, err
		}
		if b.file, err = os.OpenFile(b.path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return false, err
		}
		b.ports = map[int]bool{}
	}
	if b.ports[port] {
		return false, nil
	}
	err := syscall.FcntlFlock(b.file.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Start: int64(port), Len: 1})
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "lock", Path: b.path, Err: err}
	}
	b.ports[port] = true
	return true, nil
}
