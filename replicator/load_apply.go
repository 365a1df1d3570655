package replicator

import "context"

// join applies what is held to the load tables, as it comes, until the tables join
// the live ones. The reader decides with which batch, once it is told that the load
// tables have caught up.
func (l *load) join(ctx context.Context) error {
	<-l.turn
	l.turn <- false
	for ordered := false; ; {
		if err := l.apply(ctx, false); err != nil {
			return err
		}
		if !ordered {
			if err := l.order(ctx, order{join: true}); err != nil {
				return err
			}
			ordered = true
		}
		select {
		case <-l.stirred:
		case <-l.joined:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle applies what is left of held changes before the merge of the batch with which
// the tables join, so that their load tables stand where that batch begins. It is the
// last that is applied.
func (l *load) settle(ctx context.Context) error { return l.apply(ctx, true) }

// apply applies all that is held of the tables that are loaded, unless the last was.
func (l *load) apply(ctx context.Context, last bool) error {
	var over bool
	select {
	case over = <-l.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { l.turn <- over || last }()
	if over {
		return nil
	}
	all, _ := l.loading()
	for _, t := range all {
		state := l.state(t)
		for applied := (Applied{Left: true}); applied.Left; {
			err := again(ctx, l.Options, "apply", func() (err error) {
				applied, err = l.Loader.Apply(ctx, l.epoch, t, state)
				return err
			})
			if err != nil {
				return err
			}
			tell(l.Listener.Applied, AppliedTable{Table: t, Applied: applied})
		}
	}
	return nil
}

// merged tells the load of tables that are held, or have joined, since a merge.
func (l *load) merged(last *Staged) {
	switch {
	case len(last.Holds) > 0:
		l.held <- struct{}{}
	case len(last.Joins) > 0:
		l.joined <- struct{}{}
	}
}
