package replicator

import "context"

// join applies what is held to the load tables, as it comes, until the tables join the live
// ones. Once the load tables have caught up it tells the reader, which decides with which
// batch they join.
func (l *load) join(ctx context.Context) error {
	<-l.turn
	l.turn <- false
	for ordered := false; ; {
		if err := l.revived(); err != nil {
			return err
		}
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

// settle applies what is left of held changes before the merge of the batch with which the
// tables join, so that their load tables stand where that batch begins. Nothing is applied
// after it.
func (l *load) settle(ctx context.Context) error { return l.apply(ctx, true) }

// apply applies all that is held of the loading tables, unless settle has applied the last
// of it. A table of which nothing is held costs no lock of the fence.
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
		applied := Applied{Left: !l.noteEmpty(state.Held, true)}
		for left := 0; applied.Left; left++ {
			err := again(ctx, l.Options, "apply", func() (err error) {
				applied, err = l.Loader.Apply(ctx, l.epoch, t, state, left)
				return err
			})
			if err != nil {
				l.noteEmpty(state.Held, false) // a pass told to end stops the load, but its last merges still apply
				return err
			}
			tell(l.Listener.Applied, AppliedTable{Table: t, Applied: applied})
		}
	}
	return nil
}

// noteEmpty notes whether a held table is empty, or is about to be, and returns what was
// noted before.
func (l *load) noteEmpty(held string, empty bool) (before bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, l.empty[held] = l.empty[held], empty
	return before
}

// merged tells the load what a merge has changed for it: which held tables have more, and
// that tables are held now or have joined.
func (l *load) merged(staged []*Staged) {
	for _, s := range staged {
		for _, f := range s.Folds {
			if f.Held != "" {
				l.noteEmpty(f.Held, false)
			}
		}
	}
	last := staged[len(staged)-1]
	switch {
	case len(last.Holds) > 0:
		l.held <- struct{}{}
	case len(last.Joins) > 0:
		l.joined <- struct{}{}
	}
}
