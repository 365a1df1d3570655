package bucket

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// TestObjectsAreReadAsWritten writes pieces of all lengths. It reads them as an HTTP client
// does, and again from a place in the middle.
func TestObjectsAreReadAsWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	in := newRoom(3 * blockBytes)
	for _, size := range []int{0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 2*blockBytes + 77, 4 * blockBytes} {
		var want bytes.Buffer
		o := in.object()
		for want.Len() < size {
			piece := make([]byte, min(1+random.IntN(3*blockBytes/2), size-want.Len()))
			for i := range piece {
				piece[i] = byte(random.Uint32())
			}
			want.Write(piece)
			if n, err := o.Write(piece); n != len(piece) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := iotest.TestReader(o.reader(), want.Bytes()); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		r := o.reader()
		from := size / 3
		if _, err := r.Seek(int64(from), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		var rest bytes.Buffer
		if n, err := io.Copy(&rest, r); n != int64(size-from) || err != nil || !bytes.Equal(rest.Bytes(), want.Bytes()[from:]) {
			t.Errorf("%d bytes are written from %d on, of %d: %v", n, from, size, err)
		}
		if _, err := r.Seek(-1, io.SeekStart); err == nil {
			t.Error("there is something before the beginning")
		}
		o.release()
		if left := in.others.Load(); left != 3 {
			t.Fatalf("%d blocks are left behind an object of %d bytes", left, size)
		}
	}
}

// TestObjectsShareARoom shows that an object that gets no further block is full, and that each
// object gets a block in any case.
func TestObjectsShareARoom(t *testing.T) {
	in := newRoom(2 * blockBytes)
	block := make([]byte, blockBytes)
	large, small := in.object(), in.object()
	for n, full := range []bool{false, false, false, true} {
		_, _ = large.Write(block)
		if large.full != full {
			t.Errorf("with %d blocks: full %v", n+1, large.full)
		}
	}
	if _, _ = small.Write(block); small.full {
		t.Error("no block is left for another")
	}
	large.release()
	if _, _ = small.Write(block); small.full || in.others.Load() != 1 {
		t.Errorf("what was released is not there: %d blocks are left", in.others.Load())
	}
}
