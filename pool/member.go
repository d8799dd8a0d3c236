package pool

import (
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// member is a ready worker as the pool sees it: who it is and how much it has
// in hand. The pool counts seats itself, under its own lock, so that choosing
// a worker needs no other lock.
type member struct {
	worker *supervisor.Worker
	loop   bool // its loop thread runs: the loop lane is open
	closed bool // it refused a call: draining or dying, nothing more for it

	onMain int       // calls in its main pipe, the running one included
	onLoop int       // coroutines in flight
	since  time.Time // when the main thread took its present call in hand
	used   uint64    // turn in which it was last given a call

	pinned queue // calls that wait for this worker and no other (affinity)

	answered int       // calls, for max-requests
	lifetime int       // answered calls after which it is recycled; 0: never
	retireAt time.Time // when it is recycled for its age; zero: never
	retiring bool      // its successor has been asked for
}

// roomOnMain says whether a call of f may join the main pipe. An idle worker
// always takes one; a pipe grows only while everything in it is quick.
func (m *member) roomOnMain(f *function, depth, concurrency int, now time.Time) bool {
	if f.awaits && m.onLoop >= concurrency {
		return false
	}
	if m.onMain == 0 {
		return true
	}
	return m.onMain < f.depth(depth) && now.Sub(m.since) < blocked
}

// accepting says that calls may still be sent.
func (m *member) accepting() bool { return !m.closed && m.worker.State() == supervisor.Ready }

// leave frees a seat.
func (m *member) leave(lane supervisor.Lane) {
	if lane == supervisor.LaneLoop {
		m.onLoop--
		return
	}
	m.onMain--
	m.since = time.Now() // the next in its pipe is in hand from here on
}
