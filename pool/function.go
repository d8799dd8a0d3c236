package pool

import (
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// function is what a pool has learned of one of its module's names.
type function struct {
	kind supervisor.Kind
	// awaits: a plain def that returned an awaitable; its calls leave the main
	// thread for the loop, so they count against concurrency.
	awaits bool
	streak int // quick calls in a row, saturating
}

// quick is how short a call must be to be worth putting more than one into a
// worker's pipe. A longer one hides the hop anyway, and what waits behind it
// in a pipe could have been an idle worker's.
const quick = 250 * time.Microsecond

// blocked is the age from which an unanswered call is taken to be a long one:
// nothing is put behind it, however quick its function was before.
const blocked = time.Millisecond

// maxStreak keeps 1<<streak far from overflow; depth is capped by Config.Depth.
const maxStreak = 16

// observe takes one service time. Depth grows as TCP's window does at its
// start, doubling with each quick call, and one slow call closes it again: a
// wrong guess costs one call's wait, an unlearned one costs throughput.
func (f *function) observe(service time.Duration) {
	if service > quick {
		f.streak = 0
		return
	}
	f.streak = min(f.streak+1, maxStreak)
}

// depth is how many calls may stand in a worker's main pipe when a call of f
// joins them: 1 until f has been seen to be quick.
func (f *function) depth(limit int) int { return min(1<<f.streak, limit) }

// lane is the request pipe that calls of f take.
func (f *function) lane() supervisor.Lane {
	if f.kind.OnLoop() {
		return supervisor.LaneLoop
	}
	return supervisor.LaneMain
}

// need is what a call waits for; calls of one need wait in one queue, because
// what seats the first of them seats them all.
type need int

const (
	needMain need = iota // the main thread
	needLoop             // room on a loop
	needBoth             // the main thread first, then room on its loop
	needs
)

func (f *function) need() need {
	switch {
	case f.lane() == supervisor.LaneLoop:
		return needLoop
	case f.awaits:
		return needBoth
	}
	return needMain
}

// maxFunctions bounds what one pool remembers of names, which come from hosts.
const maxFunctions = 4096

// maxName is the longest name remembered.
const maxName = 1 << 10

// functions is the table of them. It grows only by what a worker said: its
// surface, and names whose calls succeeded; so a host cannot fill it with
// names that do not exist.
type functions struct {
	byName map[string]*function
	// stranger is every name that is not in the table: served at depth 1 and
	// by the main lane, which is always right. Never written.
	stranger function
}

func newFunctions(kinds map[string]supervisor.Kind) functions {
	t := functions{byName: make(map[string]*function, len(kinds))}
	for name, kind := range kinds {
		t.learn(name).kind = kind
	}
	return t
}

// of looks a name up, to be read only.
func (t *functions) of(name string) *function {
	if f := t.byName[name]; f != nil {
		return f
	}
	return &t.stranger
}

// learn gives the name's entry, to be written; beyond the bound, one that is
// forgotten at once.
func (t *functions) learn(name string) *function {
	f := t.byName[name]
	if f == nil {
		f = &function{}
		if len(t.byName) < maxFunctions && len(name) <= maxName {
			t.byName[name] = f
		}
	}
	return f
}
