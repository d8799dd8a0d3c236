package metrics

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// The words of the labels reason and level, in the order of their counters. A
// start follows an end, whose reason it has; the first of a slot follows none.
const reasonFirst = "first"

var (
	exitReasons = []supervisor.Reason{
		supervisor.ReasonExit, supervisor.ReasonSignal, supervisor.ReasonOOM, supervisor.ReasonDeadline, supervisor.ReasonCancel,
		supervisor.ReasonRecycleRequests, supervisor.ReasonRecycleAge, supervisor.ReasonRecycleIdle, supervisor.ReasonRecycleMemory,
		supervisor.ReasonRestart, supervisor.ReasonReload, supervisor.ReasonScale,
		supervisor.ReasonStartExec, supervisor.ReasonStartInterp, supervisor.ReasonStartImport, supervisor.ReasonStartReady, supervisor.ReasonStartProtocol,
		supervisor.ReasonProtocol, supervisor.ReasonParent, supervisor.ReasonOperator,
	}
	startReasons = append([]supervisor.Reason{reasonFirst}, exitReasons...)
	logLevels    = []string{"debug", "info", "warning", "error", "critical"}
)

// Pool is what is counted of one pool, by its name: over a reload, and over a
// while in which it was forgotten, it goes on where it was.
type Pool struct {
	open   int    // how many pools of that name there are; guarded by Meters.mu
	closed uint64 // when the last of them was forgotten, as a turn; guarded by Meters.mu

	answers [outcomeCount]atomic.Uint64
	took    histogram // arrival to answer
	queued  histogram // of that, not in a worker's hands
	started histogram // spawn to ready

	starts  []atomic.Uint64 // by startReasons
	exits   []atomic.Uint64 // by exitReasons
	lines   []atomic.Uint64 // by logLevels
	dropped atomic.Uint64
}

func newPool() *Pool {
	return &Pool{
		took: newHistogram(callBounds), queued: newHistogram(queueBounds), started: newHistogram(startBounds),
		starts: make([]atomic.Uint64, len(startReasons)), exits: make([]atomic.Uint64, len(exitReasons)),
		lines: make([]atomic.Uint64, len(logLevels)),
	}
}

// Answered counts a call (rpc.Call.Told). What a call waited is what of its time
// no worker had it in hand: in the pool's queue, or in a worker's pipe behind
// another call. Of one that no worker answered nobody can say.
func (p *Pool) Answered(c *rpc.Call, at time.Time, err *rpc.Error) {
	took := max(at.Sub(c.Arrived), 0) // the burst of an answer may be older than a call that was refused in it
	p.answers[outcomeOf(err)].Add(1)
	p.took.observe(took)
	if c.Service > 0 {
		p.queued.observe(max(took-c.Service, 0))
	}
}

// observe counts what happens to the pool's workers. What is no worker, as the
// process that forks them, is not counted but for what it logs.
func (p *Pool) observe(e supervisor.Event) {
	switch e := e.(type) {
	case supervisor.Spawned:
		reason := e.Reason
		if reason == "" {
			reason = reasonFirst
		}
		count(p.starts, startReasons, reason)
	case supervisor.BecameReady:
		p.started.observe(e.Took)
	case supervisor.Exited:
		count(p.exits, exitReasons, e.Reason)
	case supervisor.Logged:
		p.dropped.Add(uint64(max(e.Record.Dropped, 0)))
		count(p.lines, logLevels, e.Record.Level)
	}
}

// count adds one to the counter of a word. The words are closed vocabularies; a
// test keeps these lists equal to them.
func count[W ~string](counters []atomic.Uint64, words []W, word W) {
	if i := slices.Index(words, word); i >= 0 {
		counters[i].Add(1)
	}
}
