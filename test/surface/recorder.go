package surface

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Daemon is the prefix of the application name of the daemon's sessions.
const Daemon = "rowshift/"

//go:embed statements.sql
var statements string

// Recorder records what the daemon has sent.
type Recorder struct {
	mu   sync.Mutex
	sent map[string]string // by form, one statement of that form
}

// Record records the statements of a request. It has the type of
// redshifttest.Options.Record.
func (r *Recorder) Record(application, request string) {
	if !strings.HasPrefix(application, Daemon) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent == nil {
		r.sent = map[string]string{}
	}
	for _, statement := range split(request) {
		for _, f := range Forms(statement) {
			if r.sent[f] == "" {
				r.sent[f] = statement
			}
		}
	}
}

// Check fails if a statement was sent that is not on the list. If ROWSHIFT_RECORD is
// set, it puts the statement there instead. ROWSHIFT_SENT names a folder in which to
// leave all that was sent.
func (r *Recorder) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := slices.Sorted(maps.Keys(r.sent))
	if dir := os.Getenv("ROWSHIFT_SENT"); dir != "" {
		if err := leave(dir, sent); err != nil {
			return err
		}
	}
	unlisted := slices.DeleteFunc(sent, listed)
	if len(unlisted) == 0 {
		return nil
	}
	if os.Getenv("ROWSHIFT_RECORD") != "" {
		return add(unlisted)
	}
	var errs []error
	for _, f := range unlisted {
		errs = append(errs, fmt.Errorf("the daemon sent a statement that is not on the list in test/surface/statements.sql:\n  %s\nas\n  %s\n"+
			"ROWSHIFT_RECORD=1 with the same test puts it there", r.sent[f], f))
	}
	return errors.Join(errs...)
}

// Leave leaves the statements that are on the list in the folder of ROWSHIFT_SENT, and
// ignores others. It replaces Check in a world in which it is chance what the daemon
// sends.
func (r *Recorder) Leave() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	dir := os.Getenv("ROWSHIFT_SENT")
	if dir == "" {
		return nil
	}
	return leave(dir, slices.DeleteFunc(slices.Sorted(maps.Keys(r.sent)), func(f string) bool { return !listed(f) }))
}

// Missing returns the forms on the list that were not sent, and how many are on the list
// in all. It tells a suite that tries the daemon's statements what it has not tried.
func (r *Recorder) Missing() (forms []string, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range known() {
		if r.sent[f] == "" {
			forms = append(forms, f)
		}
	}
	return forms, len(known())
}

// known returns the forms on the list.
var known = sync.OnceValue(func() []string { return lines(statements) })

// listed reports whether a form is on the list.
func listed(form string) bool { return slices.Contains(known(), form) }

// leave writes forms to a new file.
func leave(dir string, forms []string) error {
	f, err := os.CreateTemp(dir, "*.sql")
	if err != nil {
		return fmt.Errorf("surface: %w", err)
	}
	_, err = f.WriteString(page(slices.Clone(forms)))
	return errors.Join(err, f.Close())
}

// lines returns the forms in a list.
func lines(list string) []string {
	var all []string
	for line := range strings.Lines(list) {
		if form, ok := strings.CutSuffix(strings.TrimSpace(line), ";"); ok {
			all = append(all, form)
		}
	}
	return all
}

// add puts forms on the list, which other processes may be doing at the same time.
func add(forms []string) error {
	_, here, _, _ := runtime.Caller(0)
	f, err := os.OpenFile(filepath.Join(filepath.Dir(here), "statements.sql"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("surface: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("surface: %w", err)
	}
	there, err := os.ReadFile(f.Name())
	if err != nil {
		return fmt.Errorf("surface: %w", err)
	}
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("surface: %w", err)
	}
	_, err = f.WriteAt([]byte(page(append(lines(string(there)), forms...))), 0)
	return err
}

// page formats a list: sorted, with a heading for each class of statements.
func page(forms []string) string {
	slices.Sort(forms)
	s := "-- Every statement that the daemon sends to Redshift: literals are '?', numbers 0, names of\n" +
		"-- replicated tables and columns \"name\", and equal parts of a list are written once.\n" +
		"-- make surface makes this list.\n"
	class := ""
	for _, f := range slices.Compact(forms) {
		if first, _, _ := strings.Cut(f, " "); first != class {
			class = first
			s += "\n-- " + class + "\n"
		}
		s += f + ";\n"
	}
	return s
}
