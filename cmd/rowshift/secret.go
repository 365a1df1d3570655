package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// redacted is printed in place of a secret.
const redacted = "[redacted]"

// secret says where to read a password: a file, or text with ${ENV} in it. It is read
// again at each connect, so that a rotated one is used without a restart. However it is
// printed, it prints as [redacted].
type secret struct {
	file string
	text string // has at least one ${ENV}
}

// parseSecret parses a reference to a secret. Its error shows no part of the text.
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

// isSet reports whether there is a reference.
func (s secret) isSet() bool { return s != secret{} }

// read returns the secret's current value. A single line end at the end of a file does
// not belong to it.
func (s secret) read() (string, error) {
	if s.file == "" {
		return expand(s.text)
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return "", err // it names the path, and nothing of the content
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("%s is empty", s.file)
	}
	return text, nil
}

func (s secret) String() string   { return redacted }
func (s secret) GoString() string { return redacted }

// Format implements fmt.Formatter for every verb, because some would print the fields.
func (s secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON hides the secret from encoders of JSON, including zap's for any type.
func (s secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText hides the secret from encoders of other formats.
func (s secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
