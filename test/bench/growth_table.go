package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// perMillion is seconds for 1,000,000 rows.
func (g grown) perMillion(d time.Duration) float64 { return d.Seconds() / float64(g.Rows) * 1e6 }

// cpu and wall are what the rows took: what starting takes is left out.
func (g grown) cpu() float64  { return g.perMillion(g.CPU - g.BareCPU) }
func (g grown) wall() float64 { return g.perMillion(g.Wall - g.BareWall) }

// by gathers what is alike, in the order in which it first came.
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

// middle is the median of what of says of each.
func middle[T any](all []T, of func(T) float64) float64 {
	var numbers []float64
	for _, one := range all {
		numbers = append(numbers, of(one))
	}
	return median(numbers)
}

// growthHeader is the table's. README.md says what its columns are.
const growthHeader = `| compared by | rows | tables that change | idle tables | walsender | own CPU | to the first | time | to the first | starting: own CPU | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`

// restHeader is the second table's.
const restHeader = `
| idle tables | own CPU in a second at rest | peak |
| --- | --- | --- |
`

// growthTable is a line for each drain, and one for each daemon at rest.
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
	first := map[string][]grown{}
	for _, k := range keys {
		if first[k.of] == nil {
			first[k.of] = of[k]
		}
		base, own := first[k.of], of[k]
		cpu, wall := middle(own, grown.cpu), middle(own, grown.wall)
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %.2f s | %.2f s | %.2f | %.2f s | %.2f | %.2f s | %.2f s |\n", k.of, k.Rows, k.Tables, k.Idle,
			middle(own, func(g grown) float64 { return g.perMillion(g.Walsender) }), cpu, cpu/middle(base, grown.cpu), wall, wall/middle(base, grown.wall),
			middle(own, func(g grown) float64 { return g.BareCPU.Seconds() }), middle(own, func(g grown) float64 { return g.BareWall.Seconds() }))
	}
	b.WriteString(restHeader)
	idle, with := by(rests, func(r resting) int { return r.Idle })
	for _, n := range idle {
		var peaks []int64
		for _, r := range with[n] {
			peaks = append(peaks, r.Peak)
		}
		fmt.Fprintf(&b, "| %d | %.1f ms | %.0f MiB |\n", n, middle(with[n], func(r resting) float64 { return r.CPU.Seconds() / r.Time.Seconds() * 1000 }), float64(slices.Max(peaks))/(1<<20))
	}
	return b.String()
}
