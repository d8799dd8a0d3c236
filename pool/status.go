package pool

import (
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// Status is how a pool is doing; computed, never stored as a state.
type Status string

// The pool's statuses.
const (
	Opening  Status = "opening"  // no worker has been ready yet
	Open     Status = "open"     // every slot has a ready worker
	Degraded Status = "degraded" // some slot has none
	Broken   Status = "broken"   // nothing of it lives and the last start failed, or its workers keep dying early; it fails fast and probes
	Paused   Status = "paused"   // an operator's: takes no calls until resumed
	Draining Status = "draining" // takes no new calls
	Closed   Status = "closed"   // over
)

// failing says that the last start failed.
func (p *Pool) failing() bool {
	return p.circuit.cause != nil && !p.circuit.cause.WasReady
}

// StatusChanged is told to Options.Watch.
type StatusChanged struct {
	Pool     string
	From, To Status
	Cause    *supervisor.Exit // of a degraded or broken pool
}

func (p *Pool) statusNow() Status {
	switch {
	case p.closed:
		return Closed
	case p.draining:
		return Draining
	case p.paused:
		return Paused
	case len(p.members) == 0 && (p.circuit.broken || p.failing()):
		return Broken
	case len(p.members) >= p.opened && p.opened > 0:
		return Open
	case !p.everReady:
		return Opening
	}
	return Degraded
}

// longestWait is how long the oldest waiting call has waited.
func (p *Pool) longestWait(now time.Time) (longest time.Duration) {
	for _, q := range p.queues() {
		if came := q.oldest(); !came.IsZero() {
			longest = max(longest, now.Sub(came))
		}
	}
	return longest
}

// Stat is a snapshot for status and ps.
type Stat struct {
	Name    string
	Module  string
	Status  Status
	Ready   int // workers that take calls
	Desired int
	Workers int           // the least it is to have: what it was last told
	Spares  int           // workers that are ready and held back
	Spare   int           // how many of those are wanted
	Busy    int           // calls in flight
	Queue   int           // calls waiting
	Waited  time.Duration // how long the oldest of those has
	Handles int           // objects held for hosts

	Calls, Errors  uint64  // answered since the start; Errors of them with an error
	CallsPerSecond float64 // over the last ten seconds
	P95            time.Duration
	Restarts       int
	Since          time.Time
	Cause          *rpc.Error // why it is broken or cannot start
	Slots          []SlotStat
}

// SlotStat is one slot; Spare: its worker is held back.
type SlotStat struct {
	supervisor.SlotStat
	Spare bool
}

// Stat is a snapshot.
func (p *Pool) Stat() Stat {
	now := time.Now()
	slots := []SlotStat{}
	restarts := 0
	for _, s := range p.slots() {
		stat := s.Stat()
		restarts += stat.Restarts
		slots = append(slots, SlotStat{SlotStat: stat})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	stat := Stat{
		Name: p.opt.Name, Module: p.opt.Module, Status: p.statusNow(),
		Desired: p.opened, Workers: p.opt.Workers, Spare: p.opt.Spare, Busy: p.inFlight(), Queue: p.waitingCalls(), Waited: p.longestWait(now), Handles: p.handles(),
		Calls: p.tally.calls, Errors: p.tally.errors,
		CallsPerSecond: p.tally.rate(now), P95: p.tally.p95(),
		Restarts: restarts, Since: p.tally.since, Slots: slots,
	}
	for i := range slots {
		slots[i].Spare = p.isSpare(slots[i].Slot)
	}
	for _, m := range p.members {
		if m.accepting() {
			stat.Ready++
		}
	}
	for _, m := range p.spares {
		if m.accepting() {
			stat.Spares++
		}
	}
	if p.circuit.cause != nil && len(p.members) == 0 {
		stat.Cause = unavailable(p.opt.Name, p.circuit.cause, p.circuit.broken, p.circuit.next.Sub(now))
	}
	return stat
}
