package main

import (
	"fmt"
	"slices"
	"strings"

	"rowshift/schema"
)

// secret reads a reference to a secret, and resolves it once, so that a missing secret
// is a fault now. It returns the reference and the secret's current value, empty if
// there is none. leave says in a fault when the key may be left out.
func (r *reading) secret(path string, s setting, leave string) (reference secret, now string) {
	_, written := r.at[path]
	switch {
	case s.kind == unset && !written:
		return secret{}, ""
	case s.kind == unset || s.kind == scalar && s.text == "":
		r.add(path, "is empty", `write "${ENV}" or file:PATH, or leave it out `+leave)
		return secret{}, ""
	}
	if s.kind != scalar {
		r.add(path, "is not one value", `write "${ENV}" or file:PATH`)
		return secret{}, ""
	}
	reference, err := parseSecret(s.text)
	if err == nil {
		now, err = reference.read()
	}
	if err != nil {
		found := err.Error()
		if reference.file != "" { // the path may come from an environment variable
			found = strings.ReplaceAll(found, reference.file, strings.TrimPrefix(s.text, "file:"))
		}
		r.add(path, found, `write "${ENV}", of a variable that is set, or file:PATH, of a file that can be read`)
	}
	return reference, now
}

// hashKey reads the reference to the key for hashed columns.
func (r *reading) hashKey(s setting) secret {
	const path = "hash_key"
	reference, now := r.secret(path, s, "where no table has hash")
	if now != "" && len(now) < schema.MinHashKey {
		r.add(path, fmt.Sprintf("names a key of %d bytes, and hashes by a short one can be guessed", len(now)),
			fmt.Sprintf("make one of %d bytes or more, as by openssl rand -hex 32", schema.MinHashKey))
	}
	return reference
}

// choices returns the tables with the current value of the key for hashed columns. A
// process calls it once and keeps that key, because another key means that tables are
// loaded again.
func (c *config) choices() ([]schema.Choice, error) {
	if !c.hashKey.isSet() {
		return c.tables, nil
	}
	text, err := c.hashKey.read()
	if err != nil {
		return nil, fmt.Errorf("hash_key: %w", err)
	}
	key, err := schema.NewHashKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("hash_key: %w", err)
	}
	choices := slices.Clone(c.tables)
	for i := range choices {
		choices[i].HashKey = key
	}
	return choices, nil
}
