package schema

import "bytes"

// A composite crosses as PostgreSQL prints it: (1,"a b",). As a SUPER it is an array of
// its fields' texts, null for NULL.
// https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX
func composites() []Family {
	return []Family{{
		Category: 'C', Shown: "composites", Redshift: "VARCHAR(65535)", Choices: "SUPER, an array of texts",
		Lost:    "it is text, without the fields' names",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
		as:      asSuper(appendComposite),
	}}
}

// appendComposite writes a composite as an array of JSON.
func appendComposite(_ Type, dst, value []byte) ([]byte, bool) {
	text, begins := bytes.CutPrefix(value, []byte("("))
	if !begins {
		return dst, false
	}
	dst = append(dst, '[')
	if string(text) == ")" {
		return append(dst, ']'), true // of no fields
	}
	for {
		field, rest, null, ok := compositeField(text)
		if !ok || len(rest) == 0 {
			return dst, false
		}
		if null {
			dst = append(dst, "null"...)
		} else {
			dst = appendJSONText(dst, field)
		}
		switch {
		case string(rest) == ")":
			return append(dst, ']'), true
		case rest[0] != ',':
			return dst, false
		}
		dst, text = append(dst, ','), rest[1:]
	}
}

// compositeField splits off the first field. A field of nothing at all is NULL.
func compositeField(text []byte) (field, rest []byte, null, ok bool) {
	if len(text) > 0 && text[0] == '"' {
		field, rest, ok = unquoted(text[1:], true)
		return field, rest, false, ok
	}
	end := bytes.IndexAny(text, `,)("\`)
	if end < 0 || text[end] != ',' && text[end] != ')' {
		return nil, nil, false, false
	}
	return text[:end], text[end:], end == 0, true
}
