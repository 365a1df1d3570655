package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// redacted is what stands for a secret wherever one is printed.
const redacted = "[redacted]"

// secret is where a password is to be read: a file, or text with ${ENV} in it. It
// is read anew at each connect, so that one that was rotated is used without a
// restart, and it prints as [redacted] whatever it is printed with.
type secret struct {
	file string
	text string // holds at least one ${ENV}
}

// parseSecret reads a reference to a secret. The error holds no part of it.
func parseSecret(text string) (secret, error) {
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		path, err := expand(path)
		if err != nil {
			return secret{}, err
		}
		if path == "" {
			return secret{}, errors.New("names no file")
		}
		return secret{file: path}, nil
	}
	if !hasReference(text) {
		return secret{}, errors.New("is a secret in the file itself")
	}
	return secret{text: text}, nil
}

// isSet tells whether there is a reference at all.
func (s secret) isSet() bool { return s != secret{} }

// read returns the secret as it is now. One line end at the end of a file is not
// part of it.
func (s secret) read() (string, error) {
	if s.file == "" {
		return expand(s.text)
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return "", err // names the path, nothing of what is in it
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("%s is empty", s.file)
	}
	return text, nil
}

func (s secret) String() string   { return redacted }
func (s secret) GoString() string { return redacted }

// Format covers every verb, those too that would walk through the fields.
func (s secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON covers encoders, and zap's reflection with them.
func (s secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText covers encoders of other formats.
func (s secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
