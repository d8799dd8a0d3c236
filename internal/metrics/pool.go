package metrics

import (
	"slices"
	"sync"
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
//
// One lock for all: a call counts in five places, and five atomic additions cost
// twice what a lock that is free does. So a scrape sees sums that agree, too.
type Pool struct {
	open   int    // how many pools of that name there are; guarded by Meters.mu
	closed uint64 // when the last of them was forgotten, as a turn; guarded by Meters.mu

	mu sync.Mutex
	poolCounts
}

// poolCounts are the numbers.
type poolCounts struct {
	answers [outcomeCount]uint64
	took    histogram // arrival to answer
	queued  histogram // of that, not in a worker's hands
	started histogram // spawn to ready

	starts  []uint64 // by startReasons
	exits   []uint64 // by exitReasons
	lines   []uint64 // by logLevels
	dropped uint64
}

func newPool() *Pool {
	return &Pool{poolCounts: poolCounts{
		took: histogram{bounds: callBounds}, queued: histogram{bounds: queueBounds}, started: histogram{bounds: startBounds},
		starts: make([]uint64, len(startReasons)), exits: make([]uint64, len(exitReasons)), lines: make([]uint64, len(logLevels)),
	}}
}

// counts is a copy.
func (p *Pool) counts() poolCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.poolCounts
	c.starts, c.exits, c.lines = slices.Clone(c.starts), slices.Clone(c.exits), slices.Clone(c.lines)
	return c
}

// Answered counts a call (rpc.Call.Told). What a call waited is what of its time
// no worker had it in hand: in the pool's queue, or in a worker's pipe behind
// another call. Of one that no worker answered nobody can say.
func (p *Pool) Answered(c *rpc.Call, at time.Time, err *rpc.Error) {
	outcome := 0
	if err != nil {
		outcome = outcomeOf(err) // which may read its data: not with the lock held
	}
	took := max(at.Sub(c.Arrived), 0) // the burst of an answer may be older than a call that was refused in it
	p.mu.Lock()
	p.answers[outcome]++
	p.took.observe(took)
	if c.Service > 0 {
		p.queued.observe(max(took-c.Service, 0))
	}
	p.mu.Unlock()
}

// observe counts what happens to the pool's workers. What is no worker, as the
// process that forks them, is not counted but for what it logs.
func (p *Pool) observe(e supervisor.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
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
		p.dropped += uint64(max(e.Record.Dropped, 0))
		count(p.lines, logLevels, e.Record.Level)
	}
}

// count adds one to the counter of a word. The words are closed vocabularies; a
// test keeps these lists equal to them.
func count[W ~string](counters []uint64, words []W, word W) {
	if i := slices.Index(words, word); i >= 0 {
		counters[i]++
	}
}
