package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// result is what one peer needed for one backlog in one round.
type result struct {
	backlog, peer string
	round         int
	rows          int64
	wall          time.Duration
	walsender     time.Duration // CPU
	own           usage
}

// rate is in rows a second.
func (r result) rate() float64 { return float64(r.rows) / r.wall.Seconds() }

type results []result

// of are the results of a peer for a backlog, by round.
func (rs results) of(backlog, peer string) (found results) {
	for _, r := range rs {
		if r.backlog == backlog && r.peer == peer {
			found = append(found, r)
		}
	}
	return found
}

// against are the ratios of a peer's rate to another's, each within one round.
func (rs results) against(backlog, peer, other string) (ratios []float64) {
	theirs := rs.of(backlog, other)
	for _, r := range rs.of(backlog, peer) {
		if i := slices.IndexFunc(theirs, func(o result) bool { return o.round == r.round }); i >= 0 {
			ratios = append(ratios, r.rate()/theirs[i].rate())
		}
	}
	return ratios
}

// each are what of says of each result.
func (rs results) each(of func(result) float64) (all []float64) {
	for _, r := range rs {
		all = append(all, of(r))
	}
	return all
}

// median of at least one.
func median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// header is the table's. README.md says what its columns are.
const header = `| backlog | | rows/s | of limit | of native | walsender | own CPU | own of walsender | peak |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
`

// table is a line for each backlog and peer.
func (rs results) table() string {
	var b strings.Builder
	b.WriteString(header)
	var seen []string
	for _, r := range rs {
		if slices.Contains(seen, r.backlog) {
			continue
		}
		seen = append(seen, r.backlog)
		for _, p := range peers {
			rs.line(&b, r.backlog, p.name)
		}
	}
	return b.String()
}

func (rs results) line(b *strings.Builder, backlog, peer string) {
	own := rs.of(backlog, peer)
	if len(own) == 0 {
		return
	}
	perMillion := func(of func(result) time.Duration) string {
		return fmt.Sprintf("%.2f s", median(own.each(func(r result) float64 { return of(r).Seconds() / float64(r.rows) * 1e6 })))
	}
	ratio := func(of []float64) string {
		if len(of) == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f (%.2f to %.2f)", median(of), slices.Min(of), slices.Max(of))
	}
	var toLimit, toNative []float64
	if peer != limit {
		toLimit = rs.against(backlog, peer, limit)
	}
	if peer == rowshift {
		toNative = rs.against(backlog, peer, native)
	}
	peak := ""
	if most := slices.Max(own.each(func(r result) float64 { return float64(r.own.peak) })); most > 0 {
		peak = fmt.Sprintf("%.0f MiB", most/(1<<20))
	}
	fmt.Fprintf(b, "| %s | %s | %.0f | %s | %s | %s | %s | %.2f | %s |\n", backlog, peer, median(own.each(result.rate)), ratio(toLimit), ratio(toNative),
		perMillion(func(r result) time.Duration { return r.walsender }), perMillion(func(r result) time.Duration { return r.own.cpu }),
		median(own.each(func(r result) float64 { return r.own.cpu.Seconds() / max(r.walsender.Seconds(), 1.0/ticks) })), peak)
}

// page is the table with where and how it was measured above it.
func (rs results) page(machine string, c choices) string {
	return fmt.Sprintf("%s Scale %g, medians of %d rounds.\n\n%s", machine, c.scale, c.rounds, rs.table())
}

// aboutMachine says where and when this is, and how much else goes on.
func aboutMachine(ctx context.Context) string {
	commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown")
	}
	model := "unknown processor"
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // where there is none it is not known
	for line := range strings.Lines(string(cpuinfo)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			model = strings.TrimLeft(strings.TrimSpace(name), ": ")
			break
		}
	}
	return fmt.Sprintf("Commit %s, %s, %d cores of %s, load average at the end %s.",
		strings.TrimSpace(string(commit)), time.Now().Format(time.DateOnly), runtime.NumCPU(), cmp.Or(model, "unknown processor"), strings.Join(strings.Fields(string(load))[:min(3, len(strings.Fields(string(load))))], ", "))
}

// What is measured stands between these in a page.
const (
	measuredBegin = "<!-- measured -->\n"
	measuredEnd   = "<!-- end of what is measured -->\n"
)

// rewrite puts what was measured into a page, in place of what was measured before.
func rewrite(path, page string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), measuredBegin)
	_, after, ends := strings.Cut(rest, measuredEnd)
	if !found || !ends {
		return errors.New(path + " has no place for what is measured")
	}
	return os.WriteFile(path, []byte(before+measuredBegin+page+measuredEnd+after), 0o644)
}
