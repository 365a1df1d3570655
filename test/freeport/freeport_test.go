package freeport

import (
	"net"
	"testing"
)

// A port that is chosen is within the bounds, and can be listened on.
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
