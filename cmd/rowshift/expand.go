package main

import (
	"fmt"
	"os"
	"strings"
)

// expand replaces each ${NAME} with the value of that environment variable. $${ stands
// for a literal ${, and a $ anywhere else for itself. The error names the variable and
// never shows a value.
func expand(text string) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		name, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed || !isVariable(name) {
			return "", fmt.Errorf("has ${ without a variable's name and } behind it")
		}
		value, ok := os.LookupEnv(name)
		value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
		switch {
		case !ok:
			return "", fmt.Errorf("names the environment variable %s, which is not set", name)
		case value == "":
			return "", fmt.Errorf("names the environment variable %s, which is empty", name)
		case strings.ContainsAny(value, "\r\n"):
			return "", fmt.Errorf("names the environment variable %s, which holds more than one line", name)
		}
		b.WriteString(text[:i] + value)
		text = rest
	}
}

// hasReference reports whether text has a ${ that is not escaped as $${.
func hasReference(text string) bool {
	return strings.Contains(strings.ReplaceAll(text, "$${", ""), "${")
}

func isVariable(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
