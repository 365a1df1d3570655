package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"
)

// quarantineCommand manages rows that the source has and the targets lack.
type quarantineCommand struct {
	List  quarantineList  `cmd:"" help:"List the rows that are in quarantine."`
	Retry quarantineRetry `cmd:"" help:"Ask the daemon to load tables again, which lets in what fits by now."`
	Drop  quarantineDrop  `cmd:"" help:"Delete entries, and the objects that hold their rows. The rows stay out of the targets."`
}

type quarantineList struct {
	JSON  bool `name:"json" help:"Print JSON, a row in each line."`
	Limit int  `help:"Print so many rows at most." default:"1000"`

	Tables []string `arg:"" optional:"" name:"table" help:"Tables whose rows are listed, as schema.table; without any, all."`
}

// refusedRow is a row in quarantine as it is printed.
type refusedRow struct {
	Table         string     `json:"table"`
	Key           string     `json:"key"`
	Reason        string     `json:"reason"`
	Column        string     `json:"column,omitempty"`
	OriginalBytes int64      `json:"original_bytes,omitempty"`
	LSN           string     `json:"lsn"`
	CommittedAt   *time.Time `json:"committed_at,omitempty"`
	Object        string     `json:"object,omitempty"`
	WrittenAt     time.Time  `json:"written_at"`
}

// Run lists what is in quarantine. Keys are values of the source: they are printed here,
// and never logged.
func (c quarantineList) Run(ctx context.Context, o *outside) error {
	if c.Limit < 1 {
		return misuse{fmt.Errorf("--limit is %d; write 1 or more", c.Limit)}
	}
	tables, err := namesOf(c.Tables)
	if err != nil {
		return err
	}
	return o.ask(ctx, func(ctx context.Context, config *config, r *rooms) error {
		rows, err := r.warehouse.Quarantine(ctx, tables, c.Limit+1)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			fmt.Fprintln(o.stderr, "rowshift:", nothingIn(tables, config.tables))
		}
		more := len(rows) > c.Limit
		if more {
			rows = rows[:c.Limit]
		}
		if err := printRefused(o.stdout, rows, c.JSON); err != nil {
			return err
		}
		if more {
			fmt.Fprintf(o.stderr, "rowshift: there are more than %d rows in quarantine; see --limit\n", c.Limit)
		}
		return nil
	})
}

// namesOf reads names of tables. They need not be in the config, from which a table may
// have been removed.
func namesOf(texts []string) ([]schema.Name, error) {
	var names []schema.Name
	var errs []error
	for _, text := range texts {
		name, ok := tableName(text)
		switch {
		case !ok:
			errs = append(errs, misuse{fmt.Errorf(`%s is not a table, as schema.table, or "my.schema".table where a name holds a dot`, text)})
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	return names, errors.Join(errs...)
}

// nothingIn returns a message for an empty list, which would otherwise look as if the
// command had done nothing. A name that the config lacks may be misspelt, or that of a table
// which was removed from it.
func nothingIn(tables []schema.Name, choices []schema.Choice) string {
	if len(tables) == 0 {
		return "nothing is in quarantine"
	}
	var names []string
	for _, n := range tables {
		name := asRead(n)
		if !slices.ContainsFunc(choices, func(c schema.Choice) bool { return c.Name == n }) {
			name += " (no table of the config)"
		}
		names = append(names, name)
	}
	return "nothing of " + strings.Join(names, ", ") + " is in quarantine"
}

func printRefused(w io.Writer, rows []redshift.RefusedRow, asJSON bool) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if !asJSON && len(rows) > 0 {
		fmt.Fprintf(t, "TABLE\tKEY\tREASON\tCOLUMN\tLSN\tWRITTEN AT\tOBJECT\n")
	}
	for _, row := range rows {
		p := refusedRow{Table: asRead(row.Table), Key: row.Key, Reason: row.Reason, Column: row.Column, OriginalBytes: row.OriginalBytes,
			LSN: row.LSN.String(), Object: row.Object, WrittenAt: row.WrittenAt}
		if !row.CommittedAt.IsZero() {
			p.CommittedAt = &row.CommittedAt
		}
		if asJSON {
			if err := encoder.Encode(p); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Table, p.Key, p.Reason, p.Column, p.LSN, p.WrittenAt.Format(time.RFC3339), p.Object)
	}
	return t.Flush()
}

// quarantineRetry requests a resync of the tables. Afterwards only what that load
// refused is in quarantine.
type quarantineRetry struct{ resyncCommand }

type quarantineDrop struct {
	Yes bool `help:"Drop all entries of the tables that no key stands behind."`

	Of []string `arg:"" name:"table|key" help:"A table, as schema.table, or \"my.schema\".table where a name holds a dot, for all of its entries, or with keys behind it, as list prints them, for theirs."`
}

// dropped says what to drop of one table: the entries of keys or, if there are none,
// all.
type dropped struct {
	table schema.Name
	keys  []string
}

// Run deletes entries, lifted ones too, and the objects that no entry names any more.
func (c quarantineDrop) Run(ctx context.Context, o *outside) error {
	drops, err := c.drops()
	if err != nil {
		return err
	}
	return o.ask(ctx, func(ctx context.Context, _ *config, r *rooms) error {
		var nothing []error
		for _, d := range drops {
			n, urls, err := r.warehouse.DropQuarantine(ctx, d.table, d.keys)
			if err != nil {
				return err
			}
			nothing = append(nothing, d.tell(o.stdout, n))
			if err := r.stager.Discard(ctx, urls); err != nil { // at once: without us, nobody finds them before the next epoch
				return errors.Join(append(nothing, err)...)
			}
		}
		return errors.Join(append(nothing, r.dropKept(ctx))...)
	})
}

// tell prints how many entries were dropped. None is an error, since the name is wrong
// then most often. It does not repeat keys, which are values of the source.
func (d dropped) tell(w io.Writer, n int64) error {
	fmt.Fprintf(w, "%s: %d entries dropped\n", asRead(d.table), n)
	if n > 0 {
		return nil
	}
	what := asRead(d.table)
	if len(d.keys) > 0 {
		what += ", by the keys behind it,"
	}
	return fmt.Errorf("nothing of %s is in quarantine; rowshift quarantine list has what is", what)
}

// drops reads the arguments. The tables need not be in the config, from which one may
// have been removed.
func (c quarantineDrop) drops() ([]dropped, error) {
	var drops []dropped
	var errs []error
	for _, text := range c.Of {
		if strings.HasPrefix(text, "[") {
			if len(drops) == 0 {
				return nil, misuse{fmt.Errorf("%s is a key, and no table stands before it", text)}
			}
			last := &drops[len(drops)-1]
			last.keys = append(last.keys, text)
			continue
		}
		name, ok := tableName(text)
		if !ok {
			errs = append(errs, misuse{fmt.Errorf(`%s is neither a table, as schema.table, or "my.schema".table where a name holds a dot, nor a key, as rowshift quarantine list prints it`, text)})
		}
		drops = append(drops, dropped{table: name})
	}
	for _, d := range drops {
		if len(d.keys) == 0 && !c.Yes && len(errs) == 0 {
			return nil, misuse{fmt.Errorf("no key stands behind %s, so all of its entries would be dropped, and the rows that they hold: name keys, or carry it out by --yes", asRead(d.table))}
		}
	}
	return drops, errors.Join(errs...)
}

// dropKept deletes old objects of refused rows that no entry names, left by a daemon that died
// before its merge.
func (r *rooms) dropKept(ctx context.Context) error {
	var epoch replicator.Epoch
	cp, err := r.warehouse.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if cp != nil {
		epoch = cp.Epoch
	}
	old, err := r.stager.Kept(ctx, epoch)
	if err != nil {
		return err
	}
	named, err := r.warehouse.KeptObjects(ctx)
	if err != nil {
		return err
	}
	return r.stager.Discard(ctx, slices.DeleteFunc(old, func(url string) bool { return slices.Contains(named, url) }))
}
