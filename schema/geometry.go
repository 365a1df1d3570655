package schema

// PostgreSQL's own shapes cross as text; PostGIS' geometry and geography, which are
// an extension's, cross as the hexadecimal EWKB that they print.
func geometries() []Family {
	return []Family{
		{Types: []string{"point", "line", "lseg", "box", "circle"}, Shown: "point, line, lseg, box, circle", Redshift: "VARCHAR(256)",
			Lost: "it is text", mapping: ascii(256)},
		{Types: []string{"path", "polygon"}, Shown: "path, polygon", Redshift: "VARCHAR(65535)",
			Lost: "it is text, and more bytes than that are a misfit", mapping: func(Type) Mapping { return text(maxVarchar) }},
	}
}
