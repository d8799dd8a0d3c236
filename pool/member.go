package pool

import (
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// member is a ready worker as the pool sees it: who it is and how much it has
// in hand. The pool counts seats itself, under its own lock, so that choosing
// a worker needs no other lock.
type member struct {
	worker *supervisor.Worker
	slot   int    // the number of its slot
	gen    int    // which of the slot's workers it is
	loop   bool   // its loop thread runs: the loop lane is open
	closed bool   // draining or dying: nothing more for it
	full   bool   // it had no seat: nothing more until one is free
	born   uint64 // the circuit's troubles when it became ready

	onMain int       // calls in its main pipe, the running one included
	onLoop int       // coroutines in flight
	since  time.Time // when the main thread took its present call in hand
	stuck  time.Time // the since for which its pipe was asked to give back
	asks   int       // how often
	used   uint64    // turn in which it was last given a call

	calling *rpc.Call // waits on the main thread for a callback's answer

	pinned queue // calls that wait for this worker and no other (affinity)

	ripe     []*lease  // lines of calls on its handles, of which the first may be sent
	partings []parting // what it is to be told to let go of, the one it is being told first

	answered int       // calls, for max-requests
	lifetime int       // answered calls after which it is recycled; 0: never
	perLife  int       // the max-requests that lifetime was made of
	readyAt  time.Time // when it became one
	retireAt time.Time // when it is recycled for its age; zero: never
	retiring bool      // its successor has been asked for

	fits     bool // it was seen to hold no more than max-memory
	big      bool // it was over max-memory with calls in hand
	bigSince int  // what answered was then

	idleSince time.Time // when it was last given back a seat
}

// busy says that it has calls in hand, or calls that wait for it alone.
func (m *member) busy() bool { return m.onMain+m.onLoop+m.pinned.size > 0 }

// roomOnMain says whether a call of f may join the main pipe. An idle worker
// always takes one; a pipe grows only while everything in it is quick.
func (m *member) roomOnMain(f *function, depth, concurrency int, now time.Time) bool {
	// A call that moved to the loop keeps its main seat, and which calls will
	// move is not known of names that have not been called yet.
	if f.awaits && m.onLoop >= concurrency || m.onMain+m.onLoop >= mainSeats(depth, concurrency) {
		return false
	}
	if m.onMain == 0 {
		return true
	}
	return m.calling == nil && m.onMain < f.depth(depth) && now.Sub(m.since) < blocked
}

// accepting says that calls may still be sent.
func (m *member) accepting() bool {
	return !m.closed && !m.full && m.worker.State() == supervisor.Ready
}

// mainSeats is how many seats a worker's main lane has: one for each call that
// may be in the pipe, and one for each that may have moved to the loop, twice
// the depth over because those that move are noticed only then.
func mainSeats(depth, concurrency int) int { return 2*depth + concurrency }

// leave frees a seat.
func (m *member) leave(lane supervisor.Lane, now time.Time) {
	m.idleSince = now
	m.full = false
	if lane == supervisor.LaneLoop {
		m.onLoop--
		return
	}
	m.onMain--
	m.since = now // the next in its pipe is in hand from here on
}
