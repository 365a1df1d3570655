package redshift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// explain turns the error of a COPY that refused one of our files into a halt that names the
// column, and not the value. It asks Redshift in a session of its own, because the transaction
// is over. It returns other errors as they are.
func (w *Warehouse) explain(ctx context.Context, err error, t *schema.Table, f replicator.Files) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || !strings.Contains(e.Message, "Load into table") {
		return err
	}
	h := &replicator.Halt{
		Reason: replicator.LoadRefused,
		Found:  "COPY refused a row of " + t.Name.String(),
		Means:  "rowshift wrote what Redshift does not read, which is a mistake of rowshift's",
		Repair: fmt.Sprintf("look at stl_load_errors (sys_load_error_detail on a serverless workgroup) for the column and report it; until it is mended, leave that column out of tables.%v in the config, or give it another of its types", t.Configured),
		Cause:  err,
	}
	s, opened := w.open(ctx)
	if opened != nil {
		return h
	}
	defer s.close(ctx)
	for _, sql := range loadErrors {
		rows, failed := s.rows(ctx, "read the load errors", sql)
		if failed != nil {
			continue // a serverless workgroup has the second view only, a cluster may have the first only
		}
		for _, r := range rows {
			if !isObjectOf(string(r[2]), f) {
				continue // the error is of another load
			}
			h.Found = fmt.Sprintf("COPY refused a row of %v: column %s, error %s (%s), line %s of %s",
				t.Name, named(r[0], t), r[1], safeReason(string(r[1])), r[3], r[2])
			return h
		}
	}
	return h
}

// isObjectOf reports whether a file is one of f's objects. Redshift may have cut its name.
func isObjectOf(file string, f replicator.Files) bool {
	return file != "" && slices.ContainsFunc(f.Objects, func(url string) bool { return strings.HasPrefix(url, file) })
}

// named returns the target's name for a column of a staging table.
func named(column []byte, t *schema.Table) string {
	for i, c := range t.Columns {
		if string(column) == valueColumn(i) {
			return c.Target
		}
	}
	return string(column)
}

// reasons are Redshift's load errors in our words. Its own reason quotes the value, in ways that
// change between releases, so it is not even read.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html
var reasons = map[string]string{
	"1201": "a delimiter is missing", "1202": "more fields than columns", "1203": "fewer fields than columns",
	"1204": "too long, or out of range", "1205": "not a date", "1206": "not a timestamp", "1207": "not a digit",
	"1208": "not a float", "1209": "not a decimal, or too large", "1210": "not a boolean", "1211": "an empty line",
	"1212": "a file is missing", "1213": "NULL in a NOT NULL column", "1214": "a delimiter is missing",
	"1215": "not for a CHAR", "1216": "a line that cannot be read", "1217": "an identity column", "1218": "NULL AS '\\0'",
	"1219": "not UTF-8", "1220": "not UTF-8", "1221": "an encoding", "1222": "an integer out of range",
	"1223": "an unknown type", "1224": "not JSON",
}

// safeReason says what an error code means, and nothing of the value.
func safeReason(code string) string {
	if reason, ok := reasons[strings.TrimSpace(code)]; ok {
		return reason
	}
	return "see the AWS manual's load error reference"
}

// refused returns a *replicator.Refused with the rows that COPY refused, if cause is the halt
// that explain returns for them and the options do not ask for a halt; else it returns cause. It
// finds the rows by a second COPY that leaves out what does not fit. The lines that Redshift
// names would not be enough, because a value may contain line ends. It must not be called in a
// transaction.
func (w *Warehouse) refused(ctx context.Context, s *session, c copying, cause error) error {
	halt, ok := errors.AsType[*replicator.Halt](cause)
	if !ok || halt.Reason != replicator.LoadRefused || w.options.HaltOnCopyError || c.name == nil {
		return cause
	}
	rows, err := w.refusedRows(ctx, s, c)
	if err != nil || len(rows) == 0 {
		return cause // rather than why no more can be found out
	}
	return &replicator.Refused{Table: c.table, Load: c.whole, Rows: rows, Halt: halt}
}

func (w *Warehouse) refusedRows(ctx context.Context, s *session, c copying) (replicator.Rows, error) {
	const op = "look for refused rows"
	fitting, texts := temporary("fitting"), temporary("texts")
	copyInto := func(p place) string { return copyFiles(p, c.columns, c.files, w.options.CopyRole, w.options.Region) }
	for _, made := range []struct {
		place
		create, fill string
	}{{fitting, createLike(fitting, c.into), copyFitting(copyInto(fitting))}, {texts, createTexts(texts, c.columns), copyTexts(copyInto(texts))}} {
		if _, err := s.run(ctx, op, made.create); err != nil {
			return nil, err
		}
		defer func() { _, _ = s.run(context.WithoutCancel(ctx), op, drop(made.place)) }()
		if _, err := s.run(ctx, op, made.fill); err != nil {
			return nil, err
		}
	}
	rows, err := s.rows(ctx, op, selectRefused(texts, fitting, c))
	if err != nil {
		return nil, err
	}
	refused := replicator.Rows{}
	for _, r := range rows {
		refused[string(r[0])] = true
	}
	return refused, nil
}
