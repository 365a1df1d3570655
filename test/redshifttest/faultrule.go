package redshifttest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseFault reads a fault from a line of parts with commas between them:
//
//	class=COMMIT,nth=3,drop=after
//	class=INSERT,match=orders,application=loader,probability=0.1,seed=7,error=1023
//	class=COPY,stall=2s
//	class=COPY,stall=forever
//	class=UPDATE,code=57014,message=any text, to the end of the line
//	class=COPY,nth=2,restart=5s
//
// error is one of 1023, conflict, deadlock and resize, in Redshift's words; any other is
// given by code and message. drop is before or after. after without a value puts off a
// stall, an error or a drop until the statement has run.
func ParseFault(rule string) (Fault, error) {
	var f Fault
	for rest := rule; rest != ""; {
		var part string
		if strings.HasPrefix(strings.TrimSpace(rest), "message=") {
			part, rest = strings.TrimSpace(rest), ""
		} else {
			part, rest, _ = strings.Cut(rest, ",")
		}
		name, value, _ := strings.Cut(part, "=")
		if err := f.set(strings.TrimSpace(name), value); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", rule, err)
		}
	}
	if f.Code == "" && f.Stall == 0 && !f.Drop && f.Restart == 0 {
		return Fault{}, fmt.Errorf("fault %q: nothing goes wrong: one of error, code, stall, drop and restart is missing", rule)
	}
	return f, nil
}

// knownErrors are errors that Redshift is known to answer with.
var knownErrors = map[string]struct{ code, message string }{
	"1023":     {"XX000", "1023"},
	"conflict": {"XX000", conflictText},
	"deadlock": {"40P01", "deadlock detected"},
	"resize":   {"57014", resizeText},
}

// set sets one part of a fault.
func (f *Fault) set(name, value string) (err error) {
	switch name {
	case "class":
		f.Class = strings.ToUpper(value)
	case "match":
		f.Match = value
	case "application":
		f.Application = value
	case "nth":
		f.Nth, err = strconv.Atoi(value)
		if err == nil && f.Nth < 1 {
			err = errors.New("it counts from 1")
		}
	case "probability":
		f.Probability, err = strconv.ParseFloat(value, 64)
		if err == nil && (f.Probability <= 0 || f.Probability > 1) {
			err = errors.New("it is more than 0 and at most 1")
		}
	case "seed":
		f.Seed, err = strconv.ParseUint(value, 10, 64)
	default:
		return f.setFailure(name, value)
	}
	return named(name, err)
}

// setFailure sets what goes wrong.
func (f *Fault) setFailure(name, value string) (err error) {
	switch name {
	case "error":
		known, ok := knownErrors[value]
		if !ok {
			return fmt.Errorf("error %q is not 1023, conflict, deadlock or resize; code and message give any other", value)
		}
		f.Code, f.Message = known.code, known.message
	case "code":
		if f.Code = strings.ToUpper(value); len(f.Code) != 5 {
			return fmt.Errorf("code %q is not an SQLSTATE of five characters", value)
		}
	case "message":
		f.Message = value
	case "stall":
		if f.Stall = -1; value != "forever" {
			f.Stall, err = positive(value)
		}
	case "restart":
		f.Restart, err = positive(value)
	case "after":
		f.After = true
	case "drop":
		f.Drop = true
		switch value {
		case "", "before":
		case "after":
			f.After = true
		default:
			err = fmt.Errorf("%q is not before or after", value)
		}
	default:
		return fmt.Errorf("%q is not a part of a rule", name)
	}
	return named(name, err)
}

func positive(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err == nil && d <= 0 {
		err = errors.New("it is more than nothing")
	}
	return d, err
}

func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
