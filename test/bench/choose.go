package main

import (
	"fmt"
	"slices"
	"strings"
)

// named is something that can be chosen by its key.
type named interface{ key() string }

func (p part) key() string    { return p.name }
func (b backlog) key() string { return begins(b.name) }
func (p peer) key() string    { return p.name }

// keys returns all keys, as a list that choose can read.
func keys[T named](all []T) string {
	var list []string
	for _, one := range all {
		list = append(list, one.key())
	}
	return strings.Join(list, ",")
}

// choose returns those of all that a list names, each once, in the order of all.
func choose[T named](what, list string, all []T) (some []T, err error) {
	wanted := strings.Split(list, ",")
	for _, one := range all {
		if i := slices.Index(wanted, one.key()); i >= 0 {
			some = append(some, one)
			wanted = slices.Delete(wanted, i, i+1)
		}
	}
	if len(wanted) > 0 {
		return nil, fmt.Errorf("there is no %s %q: choose of %s", what, strings.Join(wanted, ","), keys(all))
	}
	return some, nil
}
