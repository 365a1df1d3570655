package schema

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"sync"
)

// MinHashKey is the least length of a HashKey in bytes. A shorter key weakens the hash, and
// the values that are hashed can often be guessed.
// https://www.rfc-editor.org/rfc/rfc2104#section-3
const MinHashKey = sha256.Size

// HashKey makes hashes of the values of hashed columns: HMAC-SHA-256 over the bytes of
// the text that PostgreSQL's output function gave, as 64 hexadecimal digits in lower
// case. It may be used by several goroutines at once, and prints as [redacted].
type HashKey struct {
	fingerprint string
	states      sync.Pool // of *hashState
}

// hashState is the working memory of one hash.
type hashState struct {
	hash.Hash
	sum [sha256.Size]byte
}

// fingerprinted is the text whose hash by a key is the key's fingerprint.
const fingerprinted = "rowshift: the fingerprint of a hash key"

// NewHashKey returns a HashKey made of a secret's bytes, taken as they are. The error holds
// none of them.
func NewHashKey(key []byte) (*HashKey, error) {
	if len(key) < MinHashKey {
		return nil, fmt.Errorf("schema: a key of %d bytes, where %d are the least", len(key), MinHashKey)
	}
	own := append([]byte(nil), key...)
	k := &HashKey{states: sync.Pool{New: func() any { return &hashState{Hash: hmac.New(sha256.New, own)} }}}
	k.fingerprint = string(k.append(nil, []byte(fingerprinted)))[:16]
	return k, nil
}

// Fingerprint returns what tells two keys from each other without telling the keys. It may
// be remembered and shown.
func (k *HashKey) Fingerprint() string { return k.fingerprint }

// append appends the hash of value to dst.
func (k *HashKey) append(dst, value []byte) []byte {
	s := k.states.Get().(*hashState)
	s.Reset()
	_, _ = s.Write(value) // a hash takes everything
	dst = hex.AppendEncode(dst, s.Sum(s.sum[:0]))
	k.states.Put(s)
	return dst
}

// mapping returns the Mapping of a hashed column, whatever its type. Every value fits.
func (k *HashKey) mapping() Mapping {
	return Mapping{Type: varchar(hex.EncodedLen(sha256.Size)), Text: true, Blankless: true, Append: func(dst, value []byte) ([]byte, error) {
		return k.append(dst, value), nil
	}}
}

const redacted = "[redacted]"

func (k *HashKey) String() string   { return redacted }
func (k *HashKey) GoString() string { return redacted }

// Format redacts the key for every verb, also those that would walk through its fields.
func (k *HashKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON redacts the key for encoders, also those that use reflection.
func (k *HashKey) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }
