package main

import (
	"fmt"
	"strings"
	"time"
)

// perMillion returns a time as seconds for 1,000,000 rows.
func (g grown) perMillion(d time.Duration) float64 { return d.Seconds() / float64(g.Rows) * 1e6 }

// cpu and wall are what the rows took, without what starting takes.
func (g grown) cpu() float64  { return g.perMillion(g.CPU - g.BareCPU) }
func (g grown) wall() float64 { return g.perMillion(g.Wall - g.BareWall) }

// share returns own CPU divided by the walsender's in the same drain.
func (g grown) share() float64 { return float64(g.CPU-g.BareCPU) / float64(g.Walsender) }

// shareOf returns the share of drains as text. It is empty if the walsender used less
// than ten ticks, the unit in which its CPU is counted.
func shareOf(drains []grown) string {
	for _, g := range drains {
		if g.Walsender < 10*time.Second/ticks {
			return ""
		}
	}
	return fmt.Sprintf("%.2f", middle(drains, grown.share))
}

// by groups values by key, in the order in which keys first come.
func by[T any, K comparable](all []T, key func(T) K) (keys []K, of map[K][]T) {
	of = map[K][]T{}
	for _, one := range all {
		k := key(one)
		if of[k] == nil {
			keys = append(keys, k)
		}
		of[k] = append(of[k], one)
	}
	return keys, of
}

// middle returns the median of what of returns for each value.
func middle[T any](all []T, of func(T) float64) float64 {
	var numbers []float64
	for _, one := range all {
		numbers = append(numbers, of(one))
	}
	return median(numbers)
}

// greatest returns the greatest of what of returns for each value.
func greatest[T any](all []T, of func(T) int64) (most int64) {
	for _, one := range all {
		most = max(most, of(one))
	}
	return most
}

// mebibytes returns an amount of memory as text.
func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

// row writes a line of a table.
func row(b *strings.Builder, cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(b, "| %v ", c)
	}
	b.WriteString("|\n")
}

// growthHeader is the header of the table. README.md explains its columns.
const growthHeader = `| compared by | rows | tables that change | idle tables | walsender | own CPU | to the one before | own of walsender | time | to the one before | peak | starting: own CPU | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`

// restHeader is the header of the second table.
const restHeader = `
| idle tables | own CPU in a second at rest | peak |
| --- | --- | --- |
`

// growthTable returns a line for each drain, and one for each daemon at rest.
func growthTable(rounds []growthRound) string {
	type like struct {
		of string
		growing
	}
	var drains []grown
	var rests []resting
	for _, r := range rounds {
		drains, rests = append(drains, r.Drains...), append(rests, r.Rests...)
	}
	var b strings.Builder
	b.WriteString(growthHeader)
	keys, of := by(drains, func(g grown) like { return like{g.Of, g.growing} })
	before := map[string][]grown{}
	for _, k := range keys {
		own := of[k]
		base := own
		if before[k.of] != nil {
			base = before[k.of]
		}
		before[k.of] = own
		cpu, wall := middle(own, grown.cpu), middle(own, grown.wall)
		seconds := func(of func(grown) float64) string { return fmt.Sprintf("%.2f s", middle(own, of)) }
		row(&b, k.of, k.Rows, k.Tables, k.Idle,
			seconds(func(g grown) float64 { return g.perMillion(g.Walsender) }),
			seconds(grown.cpu), fmt.Sprintf("%.2f", cpu/middle(base, grown.cpu)), shareOf(own),
			seconds(grown.wall), fmt.Sprintf("%.2f", wall/middle(base, grown.wall)),
			mebibytes(greatest(own, func(g grown) int64 { return g.Peak })),
			seconds(func(g grown) float64 { return g.BareCPU.Seconds() }), seconds(func(g grown) float64 { return g.BareWall.Seconds() }))
	}
	b.WriteString(restHeader)
	idle, with := by(rests, func(r resting) int { return r.Idle })
	for _, n := range idle {
		fmt.Fprintf(&b, "| %d | %.1f ms | %s |\n", n, middle(with[n], func(r resting) float64 { return r.CPU.Seconds() / r.Time.Seconds() * 1000 }), mebibytes(greatest(with[n], func(r resting) int64 { return r.Peak })))
	}
	return b.String()
}
