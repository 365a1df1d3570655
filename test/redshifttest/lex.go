package redshifttest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Refusal is an error that the stand-in answers with.
type Refusal struct {
	Code    string // SQLSTATE
	Message string
	Detail  string
	Told    []string // sent ahead of the error, as INFO
	Rule    string   // the number in RULES.md; sent as the hint, where Redshift sends none
}

func (r *Refusal) Error() string { return r.Message + " (SQLSTATE " + r.Code + ")" }

// unknown returns the refusal of something that the stand-in does not know.
func unknown(format string, args ...any) *Refusal {
	return &Refusal{Code: "0A000", Message: "[stand-in] " + fmt.Sprintf(format, args...), Rule: "R-035"}
}

// syntaxError returns the refusal of a token in Redshift's words.
func syntaxError(t token) *Refusal {
	if t.kind == endToken {
		return &Refusal{Code: "42601", Message: "syntax error at end of input"}
	}
	return &Refusal{Code: "42601", Message: fmt.Sprintf("syntax error at or near %q", t.raw)}
}

type tokenKind int

const (
	endToken tokenKind = iota
	wordToken
	quotedToken // a name in double quotes
	literalToken
	numberToken
	parameterToken // $1
	signToken
)

// token is a piece of a statement.
type token struct {
	kind tokenKind
	raw  string // as it was written
	text string // a word in lower case, a name folded, a literal's value, a sign
}

// is reports whether the token is this word or sign, given in lower case.
func (t token) is(text string) bool {
	return (t.kind == wordToken || t.kind == signToken) && t.text == text
}

// maxStatement is the greatest length of a statement in bytes.
// https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
const maxStatement = 16 << 20

// lexer cuts a text into tokens by Redshift's rules.
type lexer struct {
	text      string
	at        int
	escapes   bool // E'' is an escaped string
	sensitive bool // names in quotes keep their case
}

// tokens splits a text into tokens, with names in quotes folded.
func tokens(text string) ([]token, error) { return tokensOf(text, false) }

// tokensOf splits a text into tokens. If sensitive, names in quotes keep their case.
// https://docs.aws.amazon.com/redshift/latest/dg/r_enable_case_sensitive_identifier.html
func tokensOf(text string, sensitive bool) ([]token, error) {
	if len(text) > maxStatement {
		return nil, &Refusal{Code: "54001", Rule: "R-012",
			Message: fmt.Sprintf("Statement is too large. Statement Size: %d bytes. Maximum Allowed: %d bytes", len(text), maxStatement)}
	}
	all, err := (&lexer{text: text, sensitive: sensitive}).all()
	if err != nil && strings.Contains(text, "pg_catalog.") { // psql asks the catalogue with E''
		if more, again := (&lexer{text: text, sensitive: sensitive, escapes: true}).all(); again == nil {
			return more, nil
		}
	}
	return all, err
}

func (l *lexer) all() ([]token, error) {
	var all []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		if t.kind == endToken {
			return all, nil
		}
		all = append(all, t)
	}
}

func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	if l.at == len(l.text) {
		return token{}, nil
	}
	start, c := l.at, l.text[l.at]
	switch {
	case c == '\'':
		return l.literal()
	case c == '"':
		return l.quoted()
	case isLetter(c) || c == '#':
		return l.word()
	case isDigit(c) || c == '.' && start+1 < len(l.text) && isDigit(l.text[start+1]):
		return l.number()
	case c == '$' && start+1 < len(l.text) && isDigit(l.text[start+1]):
		l.at++
		l.while(isDigit)
		return l.token(parameterToken, start), nil
	}
	for _, sign := range []string{"(+)", "!~*", "!~", "~*", "<<", ">>", "::", "<=", ">=", "<>", "!=", "||"} {
		if strings.HasPrefix(l.text[start:], sign) {
			l.at += len(sign)
			return l.token(signToken, start), nil
		}
	}
	if strings.IndexByte("(),;.=<>+-*/%[]^~&|", c) < 0 {
		return token{}, ruled("R-035", &Refusal{Code: "42601", Message: fmt.Sprintf("[stand-in] syntax error at or near %q: it is not on the list", string(c))})
	}
	l.at++
	return l.token(signToken, start), nil
}

func (l *lexer) token(kind tokenKind, start int) token {
	raw := l.text[start:l.at]
	return token{kind: kind, raw: raw, text: raw}
}

func (l *lexer) while(ok func(byte) bool) {
	for l.at < len(l.text) && ok(l.text[l.at]) {
		l.at++
	}
}

// skip skips white space and comments.
func (l *lexer) skip() error {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case strings.IndexByte(" \t\r\n\f", rest[0]) >= 0:
			l.at++
		case strings.HasPrefix(rest, "--"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.at += end
		case strings.HasPrefix(rest, "/*"):
			end := commentEnd(rest)
			if end < 0 {
				return &Refusal{Code: "42601", Message: "unterminated /* comment", Rule: "R-254"}
			}
			l.at += end
		default:
			return nil
		}
	}
	return nil
}

// commentEnd returns the length of the comment with which a text begins, nested comments
// included, and -1 if it does not end.
func commentEnd(text string) int {
	depth := 0
	for i := 0; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return -1
}

// literal reads a string. Backslash is an escape, since Redshift has no
// standard-conforming strings.
func (l *lexer) literal() (token, error) {
	start := l.at
	var value strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == '\'' && l.at+1 < len(l.text) && l.text[l.at+1] == '\'':
			value.WriteByte('\'')
			l.at++
		case c == '\'':
			l.at++
			return token{kind: literalToken, raw: l.text[start:l.at], text: value.String()}, nil
		case c == '\\' && l.at+1 < len(l.text):
			l.at++
			if n := l.octal(); n > 0 {
				code, _ := strconv.ParseUint(l.text[l.at:l.at+n], 8, 16)
				value.WriteByte(byte(code))
				l.at += n - 1
				break
			}
			value.WriteByte(unescaped(l.text[l.at]))
		default:
			value.WriteByte(c)
		}
	}
	return token{}, &Refusal{Code: "42601", Message: "unterminated quoted string", Rule: "R-030"}
}

// octal returns how many octal digits of a byte come next, up to three.
func (l *lexer) octal() int {
	n := 0
	for n < 3 && l.at+n < len(l.text) && l.text[l.at+n] >= '0' && l.text[l.at+n] <= '7' {
		n++
	}
	return n
}

func unescaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	}
	return c
}

// maxName is how many bytes a name may have. Redshift cuts longer names without a word.
const maxName = 127

func (l *lexer) quoted() (token, error) {
	start := l.at
	var name strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		c := l.text[l.at]
		if c == '"' && l.at+1 < len(l.text) && l.text[l.at+1] == '"' {
			l.at++
		} else if c == '"' {
			l.at++
			text := name.String()
			if !l.sensitive {
				text = lower(text)
			}
			if text == "" || len(text) > maxName {
				return token{}, unknown("a name of %d bytes: Redshift's have 1 to %d", len(text), maxName)
			}
			return token{kind: quotedToken, raw: l.text[start:l.at], text: text}, nil
		}
		name.WriteByte(c)
	}
	return token{}, &Refusal{Code: "42601", Message: "unterminated quoted identifier", Rule: "R-031"}
}

func (l *lexer) word() (token, error) {
	start := l.at
	l.at++
	l.while(func(c byte) bool { return isLetter(c) || isDigit(c) || c == '$' })
	t := l.token(wordToken, start)
	t.text = lower(t.raw)
	if l.escapes && t.text == "e" && l.at < len(l.text) && l.text[l.at] == '\'' {
		literal, err := l.literal()
		literal.raw = t.raw + literal.raw
		return literal, err
	}
	if l.at < len(l.text) && l.text[l.at] == '\'' && slices.Contains([]string{"e", "u", "n", "b", "x"}, t.text) {
		return token{}, &Refusal{Code: "42704", Message: fmt.Sprintf("type %q does not exist", t.text), Rule: "R-030"}
	}
	if len(t.text) > maxName {
		return token{}, unknown("a name of %d bytes: Redshift cuts it to %d", len(t.text), maxName)
	}
	return t, nil
}

// exponentForm is the exponent of a number.
var exponentForm = regexp.MustCompile(`^[eE][+-]?[0-9]+`)

func (l *lexer) number() (token, error) {
	start := l.at
	l.while(isDigit)
	if l.at < len(l.text) && l.text[l.at] == '.' {
		l.at++
		l.while(isDigit)
	}
	if exponent := exponentForm.FindString(l.text[l.at:min(l.at+8, len(l.text))]); exponent != "" {
		l.at += len(exponent)
	}
	if l.at < len(l.text) && isLetter(l.text[l.at]) {
		return token{}, unknown("a letter straight behind the number %s", l.text[start:l.at])
	}
	return l.token(numberToken, start), nil
}

// lower folds ASCII letters, as Redshift folds names.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 32
		}
		return r
	}, s)
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
