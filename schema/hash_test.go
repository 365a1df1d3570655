package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// exampleKey is the README's key. Its hashes here were checked with openssl and Python.
const exampleKey = "an example key of 32 bytes or so"

func hashKey(t testing.TB, key string) *HashKey {
	t.Helper()
	k, err := NewHashKey([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestHashes(t *testing.T) {
	write := hashKey(t, exampleKey).mapping().Append
	for _, c := range []struct{ value, want string }{
		{"ada@example.com", "b00c4ef80caf3ea992b09063964e39e0db3765ae28544bdcb327feec7204d926"},
		{"7f0c1d1e-3f52-4c1b-9d0a-3c6a1f1b2c3d", "267a00303542e3847da04424a3c481a46d8ca4b1e28700ad759365990e92b591"},
		{"ada@example.com", "b00c4ef80caf3ea992b09063964e39e0db3765ae28544bdcb327feec7204d926"}, // nothing is left of those before
	} {
		got, err := write([]byte("before "), []byte(c.value))
		if err != nil || string(got) != "before "+c.want {
			t.Errorf("%s: %s, %v", c.value, got, err)
		}
	}
}

func TestHashesOfAnyLength(t *testing.T) {
	write := hashKey(t, strings.Repeat("k", 100)).mapping().Append // longer than a block: hashed itself
	seen := map[string]bool{}
	for _, value := range []string{"", " ", "a", "a ", "A", strings.Repeat("x", 100_000), "\xff\xfe"} {
		got, err := write(nil, []byte(value))
		if err != nil || len(got) != 64 || seen[string(got)] {
			t.Errorf("%.10q: %s, %v", value, got, err)
		}
		seen[string(got)] = true
	}
}

func TestHashesTogether(t *testing.T) {
	t.Parallel()
	write := hashKey(t, exampleKey).mapping().Append
	for n := range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			value := fmt.Append(nil, "value ", n)
			first, _ := write(nil, value)
			for range 1000 {
				if again, _ := write(nil, value); string(again) != string(first) {
					t.Fatal("one value has two hashes")
				}
			}
		})
	}
}

// Promise 6: nothing that is printed has the key in it, and its fingerprint does not give
// it away.
func TestHashKeyIsNotShown(t *testing.T) {
	key := "canary-2f0e-hash-key-of-32-bytes-at-least"
	k := hashKey(t, key)
	c := Choice{Hash: []string{"email"}, HashKey: k}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	const decimal = "99 97 110 97 114 121" // canary, as %v prints bytes
	for _, shown := range []string{
		fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %q %x", k, k, k, k, k, k), fmt.Sprintf("%+v %#v", c, c), string(encoded), k.Fingerprint(),
	} {
		if strings.Contains(shown, "canary") || strings.Contains(shown, decimal) {
			t.Errorf("the key is shown: %s", shown)
		}
	}
	_, err = NewHashKey([]byte("canary-short"))
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "12 bytes") {
		t.Errorf("a short key: %v", err)
	}
	if k.Fingerprint() != hashKey(t, key).Fingerprint() || k.Fingerprint() == hashKey(t, exampleKey).Fingerprint() || len(k.Fingerprint()) != 16 {
		t.Error("fingerprints do not tell keys apart")
	}
}

func BenchmarkHash(b *testing.B) {
	write := hashKey(b, exampleKey).mapping().Append
	value, room := []byte("somebody@example.com"), make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := write(room, value); err != nil {
			b.Fatal(err)
		}
	}
}
