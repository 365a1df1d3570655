package copyload

import "fmt"

func syntaxError(format string, args ...any) *Error {
	return &Error{SQLState: "42601", Message: "[stand-in] " + fmt.Sprintf(format, args...)}
}

// null returns the marker that stands for NULL.
func (s *Spec) null() string {
	if s.NullAs == nil {
		return DefaultNull
	}
	return *s.NullAs
}

// settle sets defaults, and refuses options that contradict each other
// (https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html).
func (s *Spec) settle() error {
	const maxErrorLimit = 100_000
	switch {
	case len(s.Columns) == 0:
		return syntaxError("COPY needs columns")
	case s.MaxError < 0 || s.MaxError > maxErrorLimit:
		return syntaxError("MAXERROR has to be from 0 to %d", maxErrorLimit)
	case s.AcceptAnyDate && s.DateFormat == "":
		return syntaxError("ACCEPTANYDATE has to be used with DATEFORMAT")
	case s.IgnoreHeader < 0:
		return syntaxError("IGNOREHEADER has to be 0 or more")
	}
	if err := s.settleLayouts(); err != nil {
		return err
	}
	for _, c := range s.Columns {
		if c.Identity && !s.ExplicitIDs {
			return syntaxError("cannot COPY into identity column %q without EXPLICIT_IDS", c.Name)
		}
	}
	if s.Format == JSON {
		return s.settleJSON()
	}
	return s.settleText()
}

func (s *Spec) settleLayouts() error {
	for _, f := range []struct{ option, format string }{{"DATEFORMAT", s.DateFormat}, {"TIMEFORMAT", s.TimeFormat}} {
		l := newLayout(f.format)
		epoch := l.kind == layoutSeconds || l.kind == layoutMillis
		if !l.known() || epoch && f.option == "DATEFORMAT" {
			return syntaxError("%s '%s' is not known", f.option, f.format)
		}
	}
	return nil
}

func (s *Spec) settleText() error {
	if s.Delimiter == 0 {
		s.Delimiter = '|'
		if s.Format == CSV {
			s.Delimiter = ','
		}
	}
	if s.Quote == 0 {
		s.Quote = '"'
	}
	const ascii = 0x80
	switch {
	case s.Delimiter >= ascii || s.Quote >= ascii:
		return syntaxError("DELIMITER and QUOTE have to be ASCII characters")
	case s.Delimiter == '\n' || s.Delimiter == '\r' || s.Delimiter == s.Quote && s.Format == CSV:
		return syntaxError("DELIMITER may not be a line's end or the quote")
	case s.null() == "\n":
		return syntaxError(`NULL AS may not be '\n'`)
	}
	return nil
}

func (s *Spec) settleJSON() error {
	switch {
	case s.Delimiter != 0, s.Quote != 0, s.NullAs != nil, s.FillRecord, s.IgnoreBlankLines:
		return syntaxError("JSON goes without DELIMITER, QUOTE, NULL AS, FILLRECORD and IGNOREBLANKLINES")
	case s.JSONMode == JSONNoShred && (len(s.Columns) != 1 || s.Columns[0].Type.Kind != Super):
		return syntaxError("JSON 'noshred' needs one SUPER column")
	}
	return nil
}
