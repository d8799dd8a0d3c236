package selftest

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
)

// manner is what the one who made a call may expect.
type manner uint8

const (
	asked manner = iota // exactly one answer
	told                // a notification: none
	left                // its host did not wait: one at most
)

// entry is one call. There are millions of them in a long run, so it is small.
type entry struct {
	what       *function
	pool       string
	how        manner
	answers    uint8
	outcome    outcome
	started    started
	idempotent bool
	timed      bool // a deadline was sent
	cancelled  bool // a cancel was sent
	ending     bool // the daemon was told to end while it was out
}

// ledger holds every call and what came of it. A call's key is its index.
type ledger struct {
	mu     sync.Mutex
	calls  []entry
	faults map[string]*fault
}

// fault is a promise that was broken: how often, and the first few times.
type fault struct {
	count    int
	evidence []string
}

const maxEvidence = 5 // of one fault: more of the same says nothing new

func newLedger() *ledger { return &ledger{faults: make(map[string]*fault)} }

// open enters a call before it is sent.
func (l *ledger) open(e entry) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, e)
	return uint32(len(l.calls) - 1) //nolint:gosec // a run of weeks would be needed to pass it
}

// note changes a call.
func (l *ledger) note(key uint32, change func(*entry)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.calls[key])
}

// blame enters a broken promise.
func (l *ledger) blame(promise, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blameLocked(promise, format, args...)
}

func (l *ledger) blameLocked(promise, format string, args ...any) {
	f := l.faults[promise]
	if f == nil {
		f = &fault{}
		l.faults[promise] = f
	}
	f.count++
	if len(f.evidence) < maxEvidence {
		f.evidence = append(f.evidence, fmt.Sprintf(format, args...))
	}
}

// answer enters an answer, and holds it against what the function does when
// nothing disturbs it and what was done to it.
func (l *ledger) answer(by string, key uint32, o outcome, s started, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &l.calls[key]
	e.answers++
	if e.answers > 1 {
		l.blameLocked(promiseOnce, "%s: %s was answered again, with %s", by, e.name(key), o)
		return
	}
	e.outcome, e.started = o, s
	switch {
	case o == strange || o == ownBug:
		l.blameLocked(promiseKinds, "%s: %s got %s: %.300s", by, e.name(key), o, a)
	case !e.allows(o):
		l.blameLocked(promiseFits, "%s: %s got %s: %.300s", by, e.name(key), o, a)
	case o == succeeded && !carries(a.Result, key):
		l.blameLocked(promiseOwn, "%s: %s got the result %.80s", by, e.name(key), a.Result)
	}
}

func (e *entry) name(key uint32) string { return fmt.Sprintf("%s.%s #%d", e.pool, e.what.name, key) }

// allows says whether the outcome has a reason. overloaded and pool_unavailable
// have none: the windows together fit the queue, every module imports, and a
// signal from outside says nothing against a pool (design: only started calls
// fail).
func (e *entry) allows(o outcome) bool {
	switch o {
	case e.what.ends:
		return true
	case lost:
		return e.pool != calm
	case late:
		return e.timed
	case cancelled:
		return e.cancelled || e.how == left
	case shuttingDown:
		return e.ending
	}
	return false
}

// carries says whether a result is the key, or a list that begins with it.
func carries(result []byte, key uint32) bool {
	text, found := bytes.CutPrefix(result, []byte("["))
	if found {
		text, _, _ = bytes.Cut(text, []byte(","))
	}
	return string(text) == strconv.FormatUint(uint64(key), 10)
}
