package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"rowshift/replicator"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	pollEvery   = 10 * time.Second // how often the slot is looked at
	pollTimeout = 5 * time.Second
	unseenAfter = 12 * pollEvery // how old a sighting of the slot may be and still be reported
	logRoom     = 4096           // log lines that may wait for a slow reader of the log
	logPatience = time.Second    // how long the process waits for them at its end
	maxToken    = 200            // length of a slot reset's token in bytes
)

type runCommand struct {
	ResetSlot string `help:"Make the slot anew and load all tables again, once for each TOKEN: the warehouse remembers it." env:"ROWSHIFT_RESET_SLOT" placeholder:"TOKEN"`
	Once      bool   `help:"Drain to the position of the start, merge, and end. Nothing is listened on."`
}

// Run replicates until ctx is done, or with --once until it has drained. A pipeline that
// halts stays up, except with --once.
func (c runCommand) Run(ctx context.Context, o *outside) error {
	if token := c.token(); token != "" {
		if err := fitToken(token); err != nil {
			return err
		}
	}
	config, err := o.load()
	if err != nil {
		return err
	}
	d := newDaemon(config, o.stderr)
	defer d.close()
	if err := d.run(ctx, c); err != nil {
		d.log.Error("ended", zap.String("error", oneLine(err)))
		return errTold
	}
	return nil
}

// token returns the reset's token without surrounding white space, such as a line end in
// the secret that it comes from. An empty token asks for no reset, so the variable may
// be set but empty.
func (c runCommand) token() string { return strings.TrimSpace(c.ResetSlot) }

// daemon is what `run` consists of.
type daemon struct {
	config *config
	lines  *lines
	log    *zap.Logger
	teller *teller
	state  *state
	listen replicator.Listener
	scrape *prometheus.Registry
	unlog  func()
}

// newDaemon makes the log, the metrics and the state. It does not connect or listen yet.
func newDaemon(c *config, stderr io.Writer) *daemon {
	d := &daemon{config: c, state: newState(time.Now()), scrape: prometheus.NewRegistry()}
	d.lines = newLines(stderr, logRoom)
	var sink zapcore.WriteSyncer = d.lines
	var b *bar
	if isTerminal(stderr) {
		b = &bar{w: d.lines}
		sink = b
	}
	d.log = newLogger(sink, c.level, b != nil)
	d.unlog = zap.RedirectStdLog(d.log) // net/http logs there what its server and the S3 client's transport run into
	d.teller = newTeller(d.log, b)
	// The daemons that wait for a slot and the one that has it are one pipeline,
	// whatever they are called where they run: rules and dashboards join them by this
	// label.
	named := prometheus.WrapRegistererWith(prometheus.Labels{"pipeline": c.pipeline}, d.scrape)
	m := newMetrics(named, c.tables, c.limits.MinInterval)
	named.MustRegister(gauges{state: d.state, dropped: d.lines.dropped.Load})
	// The log comes last, so that whoever has read a line also finds it in the
	// endpoints.
	d.listen = spelled(c, replicator.Tee(d.state.listener(), m.listener(), d.teller.listener()))
	return d
}

// close writes what is left of the log.
func (d *daemon) close() {
	d.unlog()
	d.lines.Close(logPatience)
}

// run opens the endpoints and the rooms, and replicates.
func (d *daemon) run(ctx context.Context, c runCommand) error {
	b := built()
	d.log.Info("starting", zap.String("version", b.Version), zap.String("revision", b.Revision),
		zap.String("pipeline", d.config.pipeline), zap.Bool("once", c.Once))
	if err := d.limitMemory(os.DirFS("/")); err != nil {
		return err
	}
	if !c.Once {
		stop, err := d.serve()
		if err != nil {
			return err
		}
		defer stop()
	}
	r, err := newRooms(ctx, d.config, d.listen.Waiting, d.teller.warned)
	if err != nil {
		return err
	}
	defer r.close()

	polling, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { d.poll(polling, r.slot) })
	defer wg.Wait()
	defer stop()
	return d.replicate(ctx, r, c)
}

// replicate runs the pipeline until it ends.
func (d *daemon) replicate(ctx context.Context, r *rooms, c runCommand) error {
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		d.log.Info("draining")
		close(told)
	})
	err := replicator.Run(ctx, d.options(r, c))
	if !stop() {
		<-told
	}
	d.teller.rest()
	if h, is := errors.AsType[*replicator.Halt](err); is {
		d.listen.Halted(h) // with --once the replicator does not report it
	} else if errors.Is(err, replicator.ErrInterrupted) {
		return errors.New("told to end before everything was drained; what is merged stays, the next run goes on from there")
	}
	if err != nil {
		return err
	}
	d.teller.ended(d.state.snapshot())
	return nil
}

// options returns the replicator's options.
func (d *daemon) options(r *rooms, c runCommand) replicator.Options {
	o := replicator.Options{
		Pipeline: d.config.pipeline, Listener: d.listen, Once: c.Once, ResetSlot: c.token(), ResyncLost: d.config.source.resyncLost,
		Limits: d.config.limits, Refresh: d.config.refresh, RefreshBytes: d.config.refreshBytes,
	}
	r.into(&o)
	return o
}

// serve opens the HTTP endpoints.
func (d *daemon) serve() (stop func(), err error) {
	l, err := net.Listen("tcp", d.config.listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for /healthz, /readyz and /metrics: %w; set listen to another address", err)
	}
	d.log.Info("listening", zap.String("address", l.Addr().String()))
	return serve(l, endpoints(d.config.pipeline, d.state, d.scrape), func(err error) {
		d.log.Error("the HTTP endpoints ended", zap.String("error", oneLine(err)))
	}), nil
}

// poll looks at the slot from time to time until ctx is done. It does not report a single
// look that fails, because the pipeline itself reports what is wrong with the source. But the
// pipeline may stream on while the source lets nobody else in, so poll reports what lasts.
func (d *daemon) poll(ctx context.Context, slot func(context.Context) (slotSighting, error)) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	seenAt, blind := time.Now(), false
	for {
		asking, cancel := context.WithTimeout(ctx, pollTimeout)
		seen, err := slot(asking)
		cancel()
		switch {
		case err == nil:
			if blind {
				d.log.Info("the slot is looked at again", zap.Duration("after", time.Since(seenAt)))
			}
			seenAt, blind = time.Now(), false
			d.state.saw(seen)
		case ctx.Err() != nil:
		case !blind && time.Since(seenAt) >= unseenAfter:
			blind = true
			d.log.Warn("the slot cannot be looked at; until it can, nobody knows how much log it keeps", zap.String("error", oneLine(err)))
		default:
			d.log.Debug("the slot could not be looked at", zap.String("error", oneLine(err)))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
