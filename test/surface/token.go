package surface

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// token is a piece of a statement.
type token struct {
	gap  string // "" or " "
	text string
}

func (t token) quoted() bool { return t.text[0] == '"' }

// name returns a quoted name without its quotes.
func (t token) name() string { return strings.Trim(t.text, `"`) }

// tokens splits a statement into literals, quoted names, words, numbers and signs. It is
// written by hand, because a regular expression that searches for the next token clears,
// for each token, as much memory as the statement is long.
func tokens(statement string) (all []token) {
	for len(statement) > 0 {
		rest := strings.TrimLeft(statement, " \t\n\r\f")
		if rest == "" {
			return all
		}
		t := token{text: rest[:pieceOf(rest)]}
		if len(rest) < len(statement) && len(all) > 0 {
			t.gap = " "
		}
		all = append(all, t)
		statement = rest[len(t.text):]
	}
	return all
}

// pieceOf returns the length of the token at the beginning of s.
func pieceOf(s string) int {
	switch c := s[0]; {
	case c == '\'' || c == '"':
		if n := quotedBy(s, c); n > 0 {
			return n
		}
	case isWord(c) && !isDigit(c):
		return run(s, isWord)
	case isDigit(c):
		n := run(s, isDigit)
		if n+1 < len(s) && s[n] == '.' && isDigit(s[n+1]) {
			n += 1 + run(s[n+1:], isDigit)
		}
		return n
	case len(s) > 1 && slices.Contains([]string{"::", "<=", ">=", "<>", "||"}, s[:2]):
		return 2
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// quotedBy returns the length of the literal or name that s begins with, or 0 if it does
// not end. A quote within is doubled; in a literal a backslash escapes the next
// character.
func quotedBy(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '\'':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return 0
}

// run returns how many bytes at the beginning of s are of a kind.
func run(s string, of func(byte) bool) int {
	n := 0
	for n < len(s) && of(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c)
}
