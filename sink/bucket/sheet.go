package bucket

import (
	"context"
	"errors"
	"sync"

	"rowshift/replicator"
	"rowshift/schema"
)

// sheet writes rows of one table: the rows that fit, a ledger of what the target will not have
// as the source has it, and the refused rows, for people to read. It is used by one goroutine.
type sheet struct {
	attempt *attempt
	ctx     context.Context
	name    string // of its objects, without their number
	lines   *lines
	load    bool            // the rows are a load's, and say of no key that it is gone
	refused replicator.Rows // rows of the table that COPY is known to refuse

	rows   *series
	ledger *series // nil as long as there is no entry
	kept   *series // nil as long as no row is refused
	gone   int64   // rows whose key is gone, without those whose key does not fit

	fold int    // number of the fold at hand if the rows are held, else 0
	xid  uint32 // its transaction, likewise
	at   replicator.Row
	line func([]byte) ([]byte, error) // writes at
}

// sheet begins a sheet. The names of its objects begin with name.
func (a *attempt) sheet(ctx context.Context, name string, l *lines) (*sheet, error) {
	s := &sheet{attempt: a, ctx: ctx, name: name, lines: l}
	s.line = func(dst []byte) ([]byte, error) {
		switch {
		case s.load:
			return l.full(dst, s.at.New)
		case s.fold > 0:
			return l.held(dst, s.fold, s.xid, s.at, false)
		}
		return l.folded(dst, s.at)
	}
	var err error
	s.rows, err = a.series(ctx, a.folder+name, "csv")
	return s, err
}

// row writes a row, or refuses it.
func (s *sheet) row(r replicator.Row) error {
	s.at = r
	err := s.forbidden()
	if err == nil {
		err = s.rows.row(s.line)
	}
	if why, ok := errors.AsType[*unfit](err); ok {
		return s.refuse(why)
	}
	if err != nil {
		return err
	}
	if r.New == nil {
		s.gone++
	}
	for _, a := range s.lines.adjusted {
		if err := s.enter(entry{column: a.column, kind: a.Kind, rule: string(a.Rule), size: a.Size}); err != nil {
			return err
		}
	}
	return nil
}

// forbidden returns an *unfit if COPY is known to refuse the row at hand.
func (s *sheet) forbidden() error {
	if s.at.New != nil && len(s.refused) > 0 && s.refused[s.lines.digest(s.at.New)] {
		return &unfit{column: none, kind: replicator.CopyFailed}
	}
	return nil
}

// refuse keeps the row at hand for people, writes its key as gone, and adds an entry to the
// ledger. A key that does not fit is not written: the target cannot have it. If the row only
// says that such a key is gone, its entry lifts the key's rows from quarantine.
func (s *sheet) refuse(why *unfit) error {
	row := s.at
	if row.New == nil {
		return s.enter(entry{column: none, kind: why.kind, rule: replicator.Lifted})
	}
	url, err := s.keep(why)
	if err != nil {
		return err
	}
	if !s.load {
		s.at = replicator.Row{Key: row.Key, Written: row.Written}
		err := s.rows.row(s.line)
		if _, no := errors.AsType[*unfit](err); err == nil {
			s.gone++
		} else if !no {
			return err
		}
	}
	return s.enter(entry{column: why.column, kind: why.kind, rule: string(schema.Quarantine), size: why.size, object: url})
}

// keep writes a refused row where people find it, and returns the object's URL.
func (s *sheet) keep(why *unfit) (string, error) {
	if s.kept == nil {
		var err error
		if s.kept, err = s.attempt.series(s.ctx, s.attempt.kept+s.name, "jsonl"); err != nil {
			return "", err
		}
	}
	url := s.attempt.stager.url(s.kept.key())
	return url, s.kept.row(func(dst []byte) ([]byte, error) { return s.lines.kept(dst, s.at, why), nil })
}

// enter adds an entry for the row at hand to the ledger.
func (s *sheet) enter(e entry) error {
	if s.ledger == nil {
		var err error
		if s.ledger, err = s.attempt.series(s.ctx, s.attempt.folder+s.name+"-ledger", "csv"); err != nil {
			return err
		}
	}
	return s.ledger.row(func(dst []byte) ([]byte, error) { return s.lines.entry(dst, s.fold, s.xid, s.at, e) })
}

// all returns the series that were begun.
func (s *sheet) all() []*series {
	begun := []*series{s.rows}
	for _, one := range []*series{s.ledger, s.kept} {
		if one != nil {
			begun = append(begun, one)
		}
	}
	return begun
}

// abandon gives the sheet up. It returns when nothing is being put any more.
func (s *sheet) abandon() {
	for _, one := range s.all() {
		one.abandon()
	}
}

// flush ends all series. Their last objects are left to put.
func (s *sheet) flush() error {
	var failed []error
	for _, one := range s.all() {
		failed = append(failed, one.flush())
	}
	if err := errors.Join(failed...); err != nil {
		s.abandon()
		return err
	}
	return nil
}

// put puts what flush has left together with other objects, all at once. It returns when nothing
// is being put any more.
func (s *sheet) put(others ...func() error) error {
	for _, one := range s.all() {
		others = append(others, one.put)
	}
	failed := make([]error, len(others))
	var wg sync.WaitGroup
	for i, put := range others[:len(others)-1] {
		wg.Go(func() { failed[i] = put() })
	}
	last := len(others) - 1
	failed[last] = others[last]() // on the caller's goroutine, whose stack is large already
	wg.Wait()
	return errors.Join(failed...) // all of them: one may be final, and another not
}

// finish ends all series, and puts what is left.
func (s *sheet) finish() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.put()
}

// close ends all series, and puts what is left together with the manifests, which saves a batch
// one round trip. What a manifest lists is known before it is in the bucket, and nobody reads a
// manifest unless everything was put.
func (s *sheet) close(ctx context.Context) (rows, ledger replicator.Files, err error) {
	if err := s.flush(); err != nil {
		return rows, ledger, err
	}
	var manifests []func() error
	add := func(name string, written *series) (f replicator.Files) {
		if err != nil || written == nil {
			return f
		}
		f, put, failed := s.attempt.manifest(ctx, name, written.done, written.rows)
		if err = failed; put != nil {
			manifests = append(manifests, put)
		}
		return f
	}
	rows, ledger = add(s.name, s.rows), add(s.name+"-ledger", s.ledger)
	if err != nil {
		s.abandon()
		return rows, ledger, err
	}
	return rows, ledger, s.put(manifests...)
}
