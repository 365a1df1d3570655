package schema

import "bytes"

// An hstore crosses as it prints itself: "a"=>"1", "b"=>NULL. As a SUPER it is an object.
// https://www.postgresql.org/docs/current/hstore.html#HSTORE-EXTERNAL-REP
func hstores() []Family {
	return []Family{{
		Types: []string{"hstore"}, Extension: true, Shown: "hstore", Redshift: "VARCHAR(65535)", Choices: "SUPER, an object",
		Lost:    "it is text",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
		as:      asSuper(appendHstore),
	}}
}

// appendHstore writes an hstore as an object of JSON.
func appendHstore(_ Type, dst, value []byte) ([]byte, bool) {
	dst = append(dst, '{')
	for rest := value; len(rest) > 0; {
		if len(rest) < len(value) {
			var more bool
			if rest, more = bytes.CutPrefix(rest, []byte(", ")); !more {
				return dst, false
			}
			dst = append(dst, ',')
		}
		text, begins := bytes.CutPrefix(rest, []byte(`"`))
		key, text, ends := unquoted(text, false)
		text, arrow := bytes.CutPrefix(text, []byte("=>"))
		if !begins || !ends || !arrow {
			return dst, false
		}
		dst = append(appendJSONText(dst, key), ':')
		if after, null := bytes.CutPrefix(text, []byte("NULL")); null {
			dst, rest = append(dst, "null"...), after
			continue
		}
		if text, begins = bytes.CutPrefix(text, []byte(`"`)); !begins {
			return dst, false
		}
		of, after, ends := unquoted(text, false)
		if !ends {
			return dst, false
		}
		dst, rest = appendJSONText(dst, of), after
	}
	return append(dst, '}'), true
}
