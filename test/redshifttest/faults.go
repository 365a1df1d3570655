package redshifttest

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong on purpose. Its first fields select statements; a
// statement must match all that are set.
type Fault struct {
	Class       string  // the statement's class: "COPY", "COMMIT", "INSERT", ...; empty: any
	Match       string  // a part of the statement's text; letter case and white space do not matter
	Application string  // a part of the session's application name
	Nth         int     // only the nth statement that is selected, counted from 1; 0: each
	Probability float64 // 0: always
	Seed        uint64

	Code    string // answer with an error of this SQLSTATE and Message
	Message string
	Stall   time.Duration // wait before the statement is run; negative: until the fault is removed
	After   bool          // stall or drop after the statement has run and before it is answered
	Drop    bool          // end the client's connection; unless After is set, the statement is not run
	Restart time.Duration // restart the server, which stays down for this long
}

// Injected is a Fault at work.
type Injected struct {
	fault   Fault
	remove  func()
	mu      sync.Mutex
	rng     *rand.Rand
	seen    int
	hits    int
	reached chan struct{}
	lifted  chan struct{}
	once    sync.Once
}

// Reached returns a channel that is closed once the fault has struck.
func (i *Injected) Reached() <-chan struct{} { return i.reached }

// Hits returns how often the fault has struck.
func (i *Injected) Hits() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hits
}

// Remove ends the fault. Statements that it stalls go on.
func (i *Injected) Remove() {
	i.once.Do(func() {
		i.remove()
		close(i.lifted)
	})
}

// strikes reports whether the fault strikes a statement, and counts it.
func (i *Injected) strikes(class, text, application string) bool {
	f := i.fault
	if f.Class != "" && f.Class != class ||
		f.Match != "" && !strings.Contains(bareText(text), bareText(f.Match)) ||
		f.Application != "" && !strings.Contains(application, f.Application) {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen++
	if f.Nth > 0 && i.seen != f.Nth || f.Probability > 0 && i.rng.Float64() >= f.Probability {
		return false
	}
	if i.hits++; i.hits == 1 {
		close(i.reached)
	}
	return true
}

// bareText returns a text without blanks, in lower case.
func bareText(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), "")) }

// faults are the faults at work on a server.
type faults struct {
	mu  sync.Mutex
	all []*Injected
}

func (f *faults) inject(what Fault) *Injected {
	i := &Injected{fault: what, rng: rand.New(rand.NewPCG(what.Seed, 3)), reached: make(chan struct{}), lifted: make(chan struct{})}
	i.remove = func() { f.drop(i) }
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, i)
	return i
}

func (f *faults) drop(i *Injected) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var left []*Injected
	for _, other := range f.all {
		if other != i {
			left = append(left, other)
		}
	}
	f.all = left
}

// removeAll ends all faults.
func (f *faults) removeAll() {
	f.mu.Lock()
	all := f.all
	f.mu.Unlock()
	for _, i := range all {
		i.Remove()
	}
}

// struck returns the first fault that strikes a statement.
func (f *faults) struck(class, text, application string) *Injected {
	f.mu.Lock()
	all := f.all
	f.mu.Unlock()
	for _, i := range all {
		if i.strikes(class, text, application) {
			return i
		}
	}
	return nil
}
