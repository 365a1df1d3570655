package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// result is what one peer took for one backlog in one round.
type result struct {
	Backlog   string        `json:"backlog"`
	Peer      string        `json:"peer"`
	Round     int           `json:"round"`
	Rows      int64         `json:"rows"`
	Wall      time.Duration `json:"wall"`
	Walsender time.Duration `json:"walsender"` // CPU
	Own       usage         `json:"own"`
	Others    others        `json:"others"`
}

// rate is the number of rows a second.
func (r result) rate() float64 { return float64(r.Rows) / r.Wall.Seconds() }

type results []result

// of returns the results of a peer for a backlog, by round.
func (rs results) of(backlog, peer string) (found results) {
	for _, r := range rs {
		if r.Backlog == backlog && r.Peer == peer {
			found = append(found, r)
		}
	}
	return found
}

// against returns, for each round, the ratio of something of a peer to something of
// another.
func (rs results) against(backlog, peer, other string, of, to func(result) float64) (ratios []float64) {
	theirs := rs.of(backlog, other)
	for _, r := range rs.of(backlog, peer) {
		if i := slices.IndexFunc(theirs, func(o result) bool { return o.Round == r.Round }); i >= 0 {
			ratios = append(ratios, of(r)/to(theirs[i]))
		}
	}
	return ratios
}

// own returns the CPU of the peer's process, in seconds.
func (r result) own() float64 { return r.Own.CPU.Seconds() }

// walsender returns the CPU of the slot's walsender in seconds, at least one tick.
func (r result) walsender() float64 { return max(r.Walsender.Seconds(), 1.0/ticks) }

// each returns what of returns for each result.
func (rs results) each(of func(result) float64) (all []float64) {
	for _, r := range rs {
		all = append(all, of(r))
	}
	return all
}

// median returns the median of at least one number.
func median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// header is the header of the table. README.md explains its columns.
const header = `| backlog | | rows/s | of limit | of native | walsender | own CPU | own of walsender | of limit's | peak |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`

// tables returns a line for each backlog and peer with what it took, and one with who
// used the cores meanwhile.
func (rs results) tables() string {
	var b strings.Builder
	b.WriteString(header)
	rs.lines(&b, rs.line)
	b.WriteString(coresHeader)
	rs.lines(&b, rs.cores)
	return b.String()
}

// lines writes a line for each backlog and peer that has results.
func (rs results) lines(b *strings.Builder, line func(b *strings.Builder, backlog, peer string)) {
	var seen []string
	for _, r := range rs {
		if slices.Contains(seen, r.Backlog) {
			continue
		}
		seen = append(seen, r.Backlog)
		for _, p := range peers {
			if len(rs.of(r.Backlog, p.name)) > 0 {
				line(b, r.Backlog, p.name)
			}
		}
	}
}

// coresHeader is the header of the second table.
const coresHeader = `
| of one core, while it lasted | | walsender | own | target's PostgreSQL | stand-in | S3 server | all of the machine |
| --- | --- | --- | --- | --- | --- | --- | --- |
`

// cores writes who used the cores: CPU divided by the time that it took. It leaves out
// zeros.
func (rs results) cores(b *strings.Builder, backlog, peer string) {
	own := rs.of(backlog, peer)
	fmt.Fprintf(b, "| %s | %s |", backlog, peer)
	for _, of := range []func(result) time.Duration{
		func(r result) time.Duration { return r.Walsender },
		func(r result) time.Duration { return r.Own.CPU },
		func(r result) time.Duration { return r.Others.Target },
		func(r result) time.Duration { return r.Others.Stand },
		func(r result) time.Duration { return r.Others.Bucket },
		func(r result) time.Duration { return r.Others.Machine },
	} {
		share := median(own.each(func(r result) float64 { return of(r).Seconds() / r.Wall.Seconds() }))
		if share < 0.005 {
			b.WriteString("  |")
			continue
		}
		fmt.Fprintf(b, " %.2f |", share)
	}
	b.WriteString("\n")
}

func (rs results) line(b *strings.Builder, backlog, peer string) {
	own := rs.of(backlog, peer)
	perMillion := func(of func(result) float64) string {
		return fmt.Sprintf("%.2f s", median(own.each(func(r result) float64 { return of(r) / float64(r.Rows) * 1e6 })))
	}
	var toLimit, toNative []float64
	ofLimits := ""
	if peer != limit {
		toLimit = rs.against(backlog, peer, limit, result.rate, result.rate)
		if shares := rs.against(backlog, peer, limit, result.own, result.walsender); len(shares) > 0 {
			ofLimits = fmt.Sprintf("%.2f", median(shares))
		}
	}
	if peer == rowshift {
		toNative = rs.against(backlog, peer, native, result.rate, result.rate)
	}
	peak := ""
	if most := slices.Max(own.each(func(r result) float64 { return float64(r.Own.Peak) })); most > 0 {
		peak = mebibytes(int64(most))
	}
	fmt.Fprintf(b, "| %s | %s | %.0f | %s | %s | %s | %s | %.2f | %s | %s |\n", backlog, peer, median(own.each(result.rate)), ratio(toLimit), ratio(toNative),
		perMillion(result.walsender), perMillion(result.own), median(own.each(func(r result) float64 { return r.own() / r.walsender() })), ofLimits, peak)
}

// ratio returns the ratios of rounds as text: median, least and greatest.
func ratio(of []float64) string {
	if len(of) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(of), slices.Min(of), slices.Max(of))
}
