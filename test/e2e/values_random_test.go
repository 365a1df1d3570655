package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// hostileTexts are texts that break readers and writers of text.
var hostileTexts = []string{
	"", " ", "a ", " a", `"`, `""`, `'`, `\`, `\N`, `\.`, ",", "\n", "\r\n", "\t", "NULL", "null", "{}", "\ufeff", "é", "e\u0301", "😀", "\u202e", "\x01\x7f", "\u2028",
	"$1", "%s", "=1+1", "@null", "\ufdd0", "\U0010ffff", "ſ", "İ", strings.Repeat(`"`, 39), strings.Repeat("é", 20) + "x", strings.Repeat("😀", 11),
}

func anyText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(5) {
		b.WriteString(hostileTexts[r.IntN(len(hostileTexts))])
	}
	if r.IntN(2000) == 0 { // about 65,535 bytes
		wide := []string{"x", "é", "€", "😀"}[r.IntN(4)]
		b.WriteString(strings.Repeat(wide, 65536/len(wide)-4+r.IntN(8)))
	}
	return b.String()
}

// odd returns usual, or sometimes NaN or one of the odd values.
func odd(r *rand.Rand, usual string, odd ...string) string {
	if r.IntN(12) > 0 {
		return strings.ReplaceAll(strings.ReplaceAll(usual, "+Inf", "Infinity"), "-Inf", "-Infinity")
	}
	if len(odd) == 0 {
		return "NaN"
	}
	return odd[r.IntN(len(odd))]
}

func anyNumeric(r *rand.Rand) string {
	digits := func(most int) string {
		var b strings.Builder
		for range r.IntN(most) + 1 {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
		return b.String()
	}
	number := digits(12)
	if r.IntN(2) == 0 {
		number += "." + digits(6)
	}
	if r.IntN(2) == 0 {
		number = "-" + number
	}
	return odd(r, number)
}

func anyBytes(r *rand.Rand) string {
	b := make([]byte, r.IntN(12))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return fmt.Sprintf(`\x%x`, b)
}

// anyJSON returns a document that jsonb takes too.
func anyJSON(r *rand.Rand) string {
	return fmt.Sprintf(`{"k%d": [%d, null, %s], "k": %d.50}`, r.IntN(9), int32(r.Uint32()), jsonText(anyText(r)), r.IntN(99))
}

func jsonText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// quotedBy quotes a text as arrays, composites and hstores do.
func quotedBy(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func firstRunes(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

// copyField writes a value as a field of COPY's text format.
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
var copyField = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
