package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// round is what a part has measured in a round, or in a piece of one, and on which
// machine and commit. A file has one in each line.
type round struct {
	Part    string          `json:"part"`
	Run     time.Time       `json:"run"` // when the run began, which identifies it
	Round   int             `json:"round"`
	Commit  string          `json:"commit"`
	Machine string          `json:"machine"`
	Scale   float64         `json:"scale"`
	Load    string          `json:"load"` // the load average when it ended
	Found   json.RawMessage `json:"found"`
	Failed  string          `json:"failed,omitempty"` // why the run's results are void: this entry replaces all its rounds
}

// keeper keeps rounds in a file as they come, and makes the page's tables from the file.
// After a run that was broken off, the tables show the rounds that it has done.
type keeper struct {
	parts []part
	page  string // the page; empty: the tables are printed at the end
	now   round  // what all rounds of this run have in common
	found []round
}

// measuredFile is the name of the file, which is in the page's folder.
const measuredFile = "measured.jsonl"

// newKeeper reads what earlier runs have left.
func newKeeper(ctx context.Context, page string, scale float64) (*keeper, error) {
	k := &keeper{parts: parts, page: page, now: round{Run: time.Now().UTC().Truncate(time.Second), Scale: scale, Commit: commit(ctx, page), Machine: machine()}}
	if page == "" {
		return k, nil
	}
	text, err := os.ReadFile(k.file())
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		var r round
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", k.file(), err)
		}
		k.found = append(k.found, r)
	}
	return k, nil
}

func (k *keeper) file() string { return filepath.Join(filepath.Dir(k.page), measuredFile) }

// keep keeps what a round has found, in place of what earlier runs have found for the
// part.
func (k *keeper) keep(name string, number int, found any) error {
	r := k.now
	r.Part, r.Round, r.Load = name, number, loadAverage()
	var err error
	if r.Found, err = json.Marshal(found); err != nil {
		return err
	}
	return k.put(r, func(old round) bool { return !old.Run.Equal(r.Run) })
}

// fail removes all that this or another run has found for a part, and puts the reason
// there.
func (k *keeper) fail(name string, why error) error {
	r := k.now
	r.Part, r.Load = name, loadAverage()
	r.Failed, _, _ = strings.Cut(why.Error(), "\n") // the end of a log may follow
	return k.put(r, func(round) bool { return true })
}

// put adds a round, and removes the rounds of its part for which old returns true.
func (k *keeper) put(r round, old func(round) bool) error {
	k.found = slices.DeleteFunc(k.found, func(one round) bool { return one.Part == r.Part && old(one) })
	k.found = append(k.found, r)
	at := func(name string) int { return slices.IndexFunc(k.parts, func(p part) bool { return p.name == name }) }
	slices.SortStableFunc(k.found, func(a, b round) int { return cmp.Compare(at(a.Part), at(b.Part)) })
	if k.page == "" {
		return nil
	}
	return k.write()
}

// write writes the file, and on the page the tables of all parts that have rounds.
func (k *keeper) write() error {
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	for _, r := range k.found {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(k.page)
	if err != nil {
		return err
	}
	page := string(text)
	for _, p := range k.parts {
		measured, err := k.section(p)
		if err != nil {
			return err
		}
		if measured == "" {
			continue
		}
		if page, err = replaced(page, p.name, measured); err != nil {
			return fmt.Errorf("%s: %w", k.page, err)
		}
	}
	if err := os.WriteFile(k.file(), lines.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(k.page, []byte(page), 0o644)
}

// section returns what the page shows for a part. It is empty if the part has no rounds.
func (k *keeper) section(p part) (string, error) {
	var of []round
	var found []json.RawMessage
	numbers := map[int]bool{}
	for _, r := range k.found {
		if r.Part == p.name {
			of, found, numbers[r.Round] = append(of, r), append(found, r.Found), true
		}
	}
	if len(of) == 0 {
		return "", nil
	}
	if r := of[0]; r.Failed != "" {
		return fmt.Sprintf("Commit %s, %s, %s. Scale %g: no figures, for this run failed: %s.\n", r.Commit, r.Run.Format(time.DateOnly), r.Machine, r.Scale, r.Failed), nil
	}
	table, err := p.table(found)
	if err != nil {
		return "", fmt.Errorf("the %s that was kept: %w", p.name, err)
	}
	last := of[len(of)-1]
	return fmt.Sprintf("Commit %s, %s, %s, load average at the end %s. Scale %g, %d %s.\n\n%s",
		last.Commit, last.Run.Format(time.DateOnly), last.Machine, last.Load, last.Scale, len(numbers), plural(len(numbers), "round"), table), nil
}

func plural(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

// marks returns the lines between which the page has what was measured for a part.
func marks(part string) (begin, end string) {
	return "<!-- measured: " + part + " -->\n", "<!-- end of " + part + " -->\n"
}

// replaced returns the page with what was measured for a part in its place.
func replaced(page, part, measured string) (string, error) {
	begin, end := marks(part)
	before, rest, found := strings.Cut(page, begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		return "", fmt.Errorf("there is no place for what is measured of %s", part)
	}
	return before + begin + measured + end + after, nil
}

// commit names the commit, and says whether any file has changed other than those that a
// run writes.
func commit(ctx context.Context, page string) string {
	name, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	args := []string{"status", "--porcelain", "--", ":/"}
	if page != "" {
		args = append(args, ":!"+page, ":!"+filepath.Join(filepath.Dir(page), measuredFile))
	}
	changed, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil || len(changed) > 0 {
		return strings.TrimSpace(string(name)) + " with changes"
	}
	return strings.TrimSpace(string(name))
}

// machine describes this machine.
func machine() string {
	model := "unknown processor"
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // other systems have no such file, and the processor is not known there
	for line := range strings.Lines(string(cpuinfo)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			model = cmp.Or(strings.TrimLeft(strings.TrimSpace(name), ": \t"), model)
			break
		}
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), model)
}

// loadAverage returns the load average, which shows how much else is running.
func loadAverage() string {
	load, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(load))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], ", ")
}
