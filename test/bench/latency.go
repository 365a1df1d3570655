package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rowshift/test/harness"
)

// latency is the name of the part that measures how long commits take to be seen.
const latency = "latency"

// delay is how long commits took to be seen in the targets, at one rate and with one
// interval.
type delay struct {
	Interval time.Duration `json:"interval"` // batch.min_interval
	Default  bool          `json:"default"`  // the config sets nothing of batch
	Asked    int           `json:"asked"`    // transactions a second
	Rate     float64       `json:"rate"`     // transactions a second that were committed
	Rowshift percentiles   `json:"rowshift"`
	Native   percentiles   `json:"native"`
}

// percentiles are over all commits of a case.
type percentiles struct {
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
}

func percentilesOf(all []time.Duration) percentiles {
	slices.Sort(all)
	at := func(share float64) time.Duration { return all[min(len(all)-1, int(share*float64(len(all))))] }
	return percentiles{P50: at(0.50), P99: at(0.99)}
}

const (
	writers  = 8                    // sessions that write
	lookAt   = 2 * time.Millisecond // between two looks at a target
	followed = 15 * time.Second     // how long each case writes, at scale 1
)

// intervals are the values of batch.min_interval, with the config for each.
var intervals = []struct {
	of       time.Duration
	batch    string
	standard bool
}{
	{200 * time.Millisecond, "{min_interval: 200ms}", false},
	{time.Second, "{}", true},
}

// measureLatency has the daemon and a subscription follow the same commits. Each writer
// counts its transactions in a row of the table pulse, so whoever sees the count sees
// everything else that the transaction did.
func measureLatency(ctx context.Context, m *measurement) error {
	c := m.choices
	c.scale = min(c.scale, 0.1) // more rows would only take longer to load
	c.chosenPeers = slices.DeleteFunc(slices.Clone(peers), func(p peer) bool { return p.name != native })
	b, err := open(ctx, c)
	if err != nil {
		return err
	}
	for err == nil && m.next() {
		err = b.delays(ctx, m)
	}
	return b.close(err)
}

// delays measures all cases of a round.
func (b *bench) delays(ctx context.Context, m *measurement) error {
	for _, i := range intervals {
		if err := b.world.SetConfig(func(c *harness.Config) { c.Batch = i.batch }); err != nil {
			return err
		}
		err := b.following(ctx, func(check func() error) error {
			for _, rate := range []int{100, 1000} {
				d, err := b.delay(ctx, rate, max(time.Second, time.Duration(float64(followed)*min(1, m.scale))), check)
				if err != nil {
					return err
				}
				d.Interval, d.Default = i.of, i.standard
				m.say("%v at %d tx/s (%.0f): p50 %v, p99 %v; native %v, %v", i.of, rate, d.Rate, d.Rowshift.P50, d.Rowshift.P99, d.Native.P50, d.Native.P99)
				if err := m.keep(d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// following calls do while both the daemon and the subscription follow.
func (b *bench) following(ctx context.Context, do func(check func() error) error) error {
	if _, err := b.native.Exec(ctx, "ALTER SUBSCRIPTION "+nativeSlot+" ENABLE"); err != nil {
		return err
	}
	d, err := b.world.Run()
	if err != nil {
		return err
	}
	if err = d.Seen(ctx, `"message":"streaming"`); err == nil {
		err = do(d.Alive)
	}
	if err := ended(ctx, d, err); err != nil {
		return err
	}
	return b.rest(ctx)
}

// sight is a count and the time at which it was committed or seen.
type sight struct {
	n  int64
	at time.Time
}

// delay writes for a while, and measures when what was committed is seen.
func (b *bench) delay(ctx context.Context, rate int, long time.Duration, check func() error) (d delay, err error) {
	// Everything is cold for the first transactions, so they are not counted.
	if _, err := b.pulses(ctx, rate, long/10); err != nil {
		return d, err
	}
	if err := b.abreast(ctx, check); err != nil {
		return d, err
	}
	looking, stop := context.WithCancel(ctx)
	defer stop()
	var look errgroup.Group
	var seen [2][writers][]sight
	for i, at := range b.targets() {
		look.Go(func() (err error) {
			seen[i], err = watchPulses(looking, at.dsn, at.table)
			return err
		})
	}
	began := time.Now()
	committed, err := b.pulses(ctx, rate, long)
	took := time.Since(began)
	if err == nil {
		err = b.abreast(ctx, check)
	}
	stop()
	if err := errors.Join(err, look.Wait()); err != nil {
		return d, err
	}
	d.Asked = rate
	for _, w := range committed {
		d.Rate += float64(len(w)) / took.Seconds()
	}
	d.Rowshift, d.Native = percentilesOf(delaysOf(committed, seen[0])), percentilesOf(delaysOf(committed, seen[1]))
	return d, nil
}

// place is a table that is read on a connection of its own.
type place struct{ dsn, table string }

// targets returns where the pulses are seen: the daemon's and the subscription's target.
func (b *bench) targets() []place {
	return []place{{b.world.Backing.DSN("dev"), "userdata.pulse"}, {b.world.Backing.DSN("native"), "public.pulse"}}
}

// pulses has the writers commit at a rate, and returns when each of them committed which
// count. A transaction that is late is committed at once.
func (b *bench) pulses(ctx context.Context, rate int, long time.Duration) (committed [writers][]sight, err error) {
	g, ctx := errgroup.WithContext(ctx)
	every := time.Second * writers / time.Duration(rate)
	for w := range writers {
		g.Go(func() (err error) {
			committed[w], err = write(ctx, b.world.SourceDSN(), w, b.sizes.persons(), every, long)
			return err
		})
	}
	return committed, g.Wait()
}

// write commits as one writer, once every interval for a while.
func write(ctx context.Context, dsn string, writer int, persons int64, every, long time.Duration) (committed []sight, err error) {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer c.Close(context.Background())
	began := time.Now()
	for due := time.Duration(writer) * every / writers; due < long; due += every {
		select {
		case <-time.After(time.Until(began.Add(due))):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		var n int64
		err := c.QueryRow(ctx, `WITH one AS (UPDATE person SET last_seen_at = clock_timestamp() WHERE id = uid('p', 1 + ($2 + $3 * (SELECT n FROM pulse WHERE id = $1)) % $4))
			UPDATE pulse SET n = n + 1 WHERE id = $1 RETURNING n`, writer, writer, 7919, persons).Scan(&n)
		if err != nil {
			return nil, err
		}
		committed = append(committed, sight{n, time.Now()})
	}
	return committed, nil
}

// watchPulses notes when each writer's count is first seen to have grown. It runs until
// ctx is done, and looks once more then.
func watchPulses(ctx context.Context, dsn, table string) (seen [writers][]sight, err error) {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return seen, err
	}
	defer c.Close(context.Background())
	tick := time.NewTicker(lookAt)
	defer tick.Stop()
	for {
		last := ctx.Err() != nil
		counts, err := countsIn(context.WithoutCancel(ctx), c, table)
		if err != nil {
			return seen, err
		}
		now := time.Now()
		for w, n := range counts {
			if k := len(seen[w]); k == 0 || seen[w][k-1].n < n {
				seen[w] = append(seen[w], sight{n, now})
			}
		}
		if last {
			return seen, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// countsIn returns the writers' counts.
func countsIn(ctx context.Context, c *pgx.Conn, table string) (counts [writers]int64, err error) {
	rows, err := c.Query(ctx, "SELECT id, n FROM "+table)
	if err != nil {
		return counts, err
	}
	var id int
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error { counts[id] = n; return nil })
	return counts, err
}

// delaysOf returns the time from each commit's answer to the first look that saw it.
func delaysOf(committed, seen [writers][]sight) (all []time.Duration) {
	for w := range committed {
		at := 0
		for _, c := range committed[w] {
			for seen[w][at].n < c.n {
				at++
			}
			all = append(all, max(0, seen[w][at].at.Sub(c.at)))
		}
	}
	return all
}

// abreast waits until both targets have what the source has.
func (b *bench) abreast(ctx context.Context, check func() error) error {
	want, err := countsIn(ctx, b.source, "pulse")
	if err != nil {
		return err
	}
	for i, c := range []*pgx.Conn{b.stand, b.native} {
		var dead error
		err := harness.Await(ctx, patience, "the last commits to be seen", func() (there bool, err error) {
			if dead = check(); dead == nil {
				var have [writers]int64
				have, err = countsIn(ctx, c, b.targets()[i].table)
				there = have == want
			}
			return there || dead != nil, err
		})
		if err := errors.Join(dead, err); err != nil {
			return err
		}
	}
	return nil
}

// latencyHeader is the header of the table. README.md explains its columns.
const latencyHeader = `| batch.min_interval | tx/s | rowshift p50 | p99 | native p50 | p99 | over native p50 | at most | p99 | at most |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`

// delaysTable returns a line for each case, with the medians of its rounds.
func delaysTable(all []delay) string {
	var b strings.Builder
	b.WriteString(latencyHeader)
	for _, i := range intervals {
		for _, rate := range []int{100, 1000} {
			var of []delay
			for _, d := range all {
				if d.Interval == i.of && d.Asked == rate {
					of = append(of, d)
				}
			}
			if len(of) > 0 {
				delaysLine(&b, of)
			}
		}
	}
	return b.String()
}

func delaysLine(b *strings.Builder, of []delay) {
	d := of[0]
	name := d.Interval.String()
	if d.Default {
		name += ", the default"
	}
	ms := func(f func(delay) time.Duration) string {
		var all []float64
		for _, d := range of {
			all = append(all, f(d).Seconds()*1000)
		}
		return fmt.Sprintf("%.1f ms", median(all))
	}
	fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %s | %d ms | %s | %d ms |\n", name, d.Asked,
		ms(func(d delay) time.Duration { return d.Rowshift.P50 }), ms(func(d delay) time.Duration { return d.Rowshift.P99 }),
		ms(func(d delay) time.Duration { return d.Native.P50 }), ms(func(d delay) time.Duration { return d.Native.P99 }),
		ms(func(d delay) time.Duration { return d.Rowshift.P50 - d.Native.P50 }), (d.Interval*6/10 + 50*time.Millisecond).Milliseconds(),
		ms(func(d delay) time.Duration { return d.Rowshift.P99 - d.Native.P99 }), (d.Interval + 150*time.Millisecond).Milliseconds())
}
