package schema

import "strings"

// maxGeometry is the most bytes that a GEOMETRY or GEOGRAPHY holds.
// https://docs.aws.amazon.com/redshift/latest/dg/spatial-limitations.html
const maxGeometry = 1048447

// PostgreSQL's own shapes cross as text. The geometry and geography of PostGIS, which is an
// extension, cross as the hexadecimal EWKB that they print: ST_GeomFromEWKB takes it in
// Redshift, and COPY reads it into a GEOMETRY.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-spatial-data.html
func geometries() []Family {
	return []Family{
		{Types: []string{"point", "line", "lseg", "box", "circle"}, Shown: "point, line, lseg, box, circle", Redshift: "VARCHAR(256)",
			Lost: "it is text", mapping: ascii(256), longest: atMost(110)},
		{Types: []string{"path", "polygon"}, Shown: "path, polygon", Redshift: "VARCHAR(65535)",
			Lost: "it is text", mapping: func(Type) Mapping { return text(maxVarchar, false) }},
		{Types: []string{"geometry", "geography"}, Extension: true, Shown: "geometry, geography (PostGIS)", Redshift: "VARCHAR(65535)",
			Choices: "GEOMETRY, GEOGRAPHY", Lost: "it is text, the hexadecimal EWKB",
			mapping: func(Type) Mapping { return text(maxVarchar, false) }, as: spatial},
	}
}

// spatial returns the Mapping to Redshift's type of the same name.
func spatial(t Type, s spelling) (Mapping, bool) {
	if s.name != "GEOMETRY" && s.name != "GEOGRAPHY" || !strings.EqualFold(t.Name, s.name) {
		return Mapping{}, false
	}
	return checked(s.name, func(value []byte) string {
		switch {
		case len(value) == 0 || len(value)%2 != 0 || !allHex(value):
			return Malformed
		case len(value)/2 > maxGeometry:
			return TooLong
		}
		return ""
	}, nil, Remedy{Kind: TooLong, Default: Null}, Remedy{Kind: Malformed, Default: Quarantine}), true
}
