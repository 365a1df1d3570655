package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
)

// reading turns settings into values. It adds what is wrong to its faults and returns
// something harmless instead, so that the rest is checked as well.
type reading struct {
	*faults
	written map[string]string // for each expanded value, the text in the file
}

// presence says whether a setting may be missing.
type presence bool

const (
	required presence = true
	optional presence = false
)

// scalar returns the text of a setting with its ${ENV} expanded, and whether it is
// present and valid.
func (r *reading) scalar(path string, s setting, p presence) (string, bool) {
	switch s.kind {
	case scalar:
		text, err := r.expanded(s.text)
		if err != nil {
			r.add(path, err.Error(), "set it, or write the value")
			return "", false
		}
		if text == "" && p == required {
			r.add(path, "is empty", "write a value")
			return "", false
		}
		return text, text != ""
	case sequence:
		r.add(path, "is a list", "write one value")
	case other:
		r.add(path, "has keys under it, or is an alias", "write one value")
	case unset:
		if p == required {
			r.add(path, "is missing", "write it")
		}
	}
	return "", false
}

// text returns a setting, or unset if it is not written.
func (r *reading) text(path string, s setting, unset string) string {
	if text, ok := r.scalar(path, s, optional); ok {
		return text
	}
	return unset
}

// matching returns a setting that has to match form. allowed describes the form in a
// fault.
func (r *reading) matching(path string, s setting, p presence, form *regexp.Regexp, allowed string) string {
	text, ok := r.scalar(path, s, p)
	if ok && !form.MatchString(text) {
		r.add(path, r.quote(text)+" does not have the right form", "write "+allowed)
		return ""
	}
	return text
}

// oneOf returns a setting that has to be one of words, the first by default.
func (r *reading) oneOf(path string, s setting, words ...string) string {
	text := r.text(path, s, words[0])
	if !slices.Contains(words, text) {
		last := len(words) - 1
		r.add(path, r.quote(text)+" is not one of the choices", "write "+strings.Join(words[:last], ", ")+" or "+words[last])
		return words[0]
	}
	return text
}

// expanded expands the ${ENV} of a value, and remembers the text in the file for faults.
func (r *reading) expanded(written string) (string, error) {
	text, err := expand(written)
	if text != written && err == nil {
		r.written[text] = written
	}
	return text, err
}

// asWritten returns a value as the file has it.
func (r *reading) asWritten(value string) string {
	if written, is := r.written[value]; is {
		return written
	}
	return value
}

// quote quotes a value in a fault. It shows the text of the file, at most a line of it,
// and never the value of an environment variable, which may be a misplaced password.
func (r *reading) quote(value string) string {
	text := r.asWritten(value)
	if len(text) > 64 {
		text = strings.ToValidUTF8(text[:64], "") + "..." // the cut may split a character
	}
	return strconv.Quote(text)
}

// list returns the texts of a setting that is a list, or a single text.
func (r *reading) list(path string, s setting) []string {
	if s.kind != sequence {
		if text, ok := r.scalar(path, s, optional); ok {
			return []string{text}
		}
		return nil
	}
	texts := []string{}
	seen := map[string]bool{}
	for _, item := range s.list {
		text, err := r.expanded(item)
		switch {
		case err != nil:
			r.add(path, err.Error(), "set it, or write the value")
		case text == "":
			r.add(path, "has an empty entry", "take it out")
		case seen[text]:
			r.add(path, "names "+r.quote(text)+" twice", "keep one")
		default:
			texts = append(texts, text)
		}
		seen[text] = true
	}
	return texts
}

// duration returns a setting such as 5s, 10m or 1h30m.
func (r *reading) duration(path string, s setting, unset, least, most time.Duration) time.Duration {
	text, ok := r.scalar(path, s, optional)
	if !ok {
		return unset
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		r.add(path, r.quote(text)+" is not a duration", "write a number with its unit, like 500ms, 5s or 10m")
	case d < least || d > most:
		r.add(path, r.quote(text)+" is out of range", fmt.Sprintf("write %v to %v", least, most))
	default:
		return d
	}
	return unset
}

// size returns a setting such as 64MiB, in bytes.
func (r *reading) size(path string, s setting, unset, least, most int64) int64 {
	text, ok := r.scalar(path, s, optional)
	if !ok {
		return unset
	}
	n, err := humanize.ParseBytes(text)
	switch {
	case err != nil:
		r.add(path, r.quote(text)+" is not a size", "write a number with its unit, like 64MiB")
	case n < uint64(least) || n > uint64(most):
		r.add(path, r.quote(text)+" is out of range",
			fmt.Sprintf("write %s to %s", humanize.IBytes(uint64(least)), humanize.IBytes(uint64(most))))
	default:
		return int64(n)
	}
	return unset
}

// number returns a setting that is a whole number.
func (r *reading) number(path string, s setting, unset, least, most int64) int64 {
	text, ok := r.scalar(path, s, optional)
	if !ok {
		return unset
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		r.add(path, r.quote(text)+" is not a whole number", fmt.Sprintf("write %d to %d", least, most))
	case n < least || n > most:
		r.add(path, r.quote(text)+" is out of range", fmt.Sprintf("write %d to %d", least, most))
	default:
		return n
	}
	return unset
}

// boolean returns a setting that is true or false.
func (r *reading) boolean(path string, s setting, unset bool) bool {
	text, ok := r.scalar(path, s, optional)
	if !ok {
		return unset
	}
	if text != "true" && text != "false" {
		r.add(path, r.quote(text)+" is neither true nor false", "write true or false")
		return unset
	}
	return text == "true"
}

// listen returns an address to listen on.
func (r *reading) listen(path string, s setting, unset string) string {
	if s.kind == scalar && s.text == "" {
		r.add(path, "is empty", "write host:port, or leave it out for "+unset)
		return unset
	}
	text := r.text(path, s, unset)
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || !isHost(host) {
		r.add(path, r.quote(text)+" is not an address", "write host:port, or :9187 for every interface")
		return unset
	}
	return text
}

// hostName matches a DNS name. Digits and dots alone are an IP address or a slip.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$`)

// isHost reports whether host is something to listen on: empty, an IP address or a name.
func isHost(host string) bool {
	bare, _, _ := strings.Cut(host, "%") // an IPv6 zone
	return host == "" || net.ParseIP(bare) != nil || hostName.MatchString(host) && strings.ContainsFunc(host, unicode.IsLetter)
}

// reasonOf returns the reason within an error of the file system, without the path,
// which the operator knows.
func reasonOf(err error) string {
	if p, is := errors.AsType[*fs.PathError](err); is {
		return p.Err.Error()
	}
	return strings.TrimSpace(err.Error())
}
