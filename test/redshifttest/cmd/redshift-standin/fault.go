package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rowshift/test/redshifttest"
)

// parseFault reads a rule: parts between commas, each NAME=VALUE or, for after and
// drop, NAME. A message is the rest of the rule.
func parseFault(rule string) (redshifttest.Fault, error) {
	var f redshifttest.Fault
	for rest := rule; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(part, "=")
		if name == "message" && rest != "" {
			value, rest = value+","+rest, ""
		}
		if err := setFault(&f, strings.TrimSpace(name), value); err != nil {
			return f, fmt.Errorf("%q: %w", rule, err)
		}
	}
	if f.Code == "" && f.Stall == 0 && !f.Drop {
		return f, fmt.Errorf("%q: nothing goes wrong: code, stall or drop is missing", rule)
	}
	return f, nil
}

func setFault(f *redshifttest.Fault, name, value string) (err error) {
	switch name {
	case "class":
		f.Class = strings.ToUpper(value)
	case "match":
		f.Match = value
	case "application":
		f.Application = value
	case "nth":
		f.Nth, err = strconv.Atoi(value)
	case "probability":
		f.Probability, err = strconv.ParseFloat(value, 64)
	case "seed":
		f.Seed, err = strconv.ParseUint(value, 10, 64)
	case "code":
		f.Code = value
	case "message":
		f.Message = value
	case "stall":
		f.Stall, err = time.ParseDuration(value)
	case "after":
		f.After = true
	case "drop":
		f.Drop = true
	default:
		return fmt.Errorf("%q is not known", name)
	}
	return err
}
