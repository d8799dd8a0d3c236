package pool

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// This file is the pool as supervisor sees it: Owner of its workers. The
// methods are called on the workers' goroutines.

var _ supervisor.Owner = (*Pool)(nil)

// nextWorker is the configuration of a slot's next worker.
func (p *Pool) nextWorker(ctx context.Context, _ int) (supervisor.WorkerConfig, error) {
	p.mu.Lock()
	o := p.opt
	p.mu.Unlock()
	command, err := o.Command(ctx)
	if err != nil {
		return supervisor.WorkerConfig{}, err
	}
	return supervisor.WorkerConfig{
		Spawner:      o.Spawner,
		Command:      command,
		Owner:        p,
		Hook:         o.Hook,
		PoolNumber:   o.Number,
		MaxHandles:   o.MaxHandles,
		Ledger:       o.Ledger,
		MainSeats:    mainSeats(o.Depth, o.Concurrency),
		LoopSeats:    o.Concurrency,
		MaxMessage:   o.MaxMessage,
		BusyPoll:     o.BusyPoll,
		CallTimeout:  o.CallTimeout,
		LoopPerCall:  o.LoopPerCall,
		StartTimeout: o.StartTimeout,
		StopTimeout:  o.StopTimeout,
		LogRate:      o.LogRate,
	}, nil
}

func (p *Pool) memberOf(w *supervisor.Worker) *member {
	for _, m := range p.members {
		if m.worker == w {
			return m
		}
	}
	return nil
}

// WorkerReady adds w to those that are given calls, or to the spares.
func (p *Pool) WorkerReady(w *supervisor.Worker, info supervisor.ReadyInfo) {
	p.mu.Lock()
	for _, known := range info.Methods {
		p.functions.learn(known.Name).kind = known.Kind
	}
	p.info = info
	p.everReady = true
	m := p.newMember(w, info)
	if p.isSpare(m.slot) {
		p.spares = append(p.spares, m)
		p.circuit.held()
		p.fill()
	} else {
		p.members = append(p.members, m)
	}
	p.unlock()
	p.dispatch(nil)
}

// CallMoved: a call left the main thread for the loop.
func (p *Pool) CallMoved(w *supervisor.Worker, _ *rpc.Call, name string, kind supervisor.Kind) {
	p.mu.Lock()
	f := p.functions.learn(name)
	if kind.OnLoop() {
		f.kind = kind
	} else {
		f.awaits = true
	}
	if m := p.memberOf(w); m != nil {
		m.loop = true
		m.leave(supervisor.LaneMain, time.Now())
		m.onLoop++
	}
	p.mu.Unlock()
	p.dispatch(nil)
}

// CallDone answers the call and gives its seat to the next.
func (p *Pool) CallDone(w *supervisor.Worker, c *rpc.Call, a supervisor.Answer) {
	if revoked(c, a.Lane, a.Err) {
		p.takeBack(w, c)
		return
	}
	err, now := a.Err, a.Burst.Now()
	p.mu.Lock()
	p.returned(c)
	if err == nil && a.Lane == supervisor.LaneMain {
		p.functions.learn(c.Function).observe(a.Service)
	}
	c.Service = a.Service
	p.tally.done(c, a.Service, err, now)
	if m := p.memberOf(w); m != nil {
		m.leave(a.Lane, now)
		m.goesOn(c)
		m.answered++
		p.circuit.answered(m.born)
		if m.lifetime > 0 && m.answered >= m.lifetime {
			p.retire(m, supervisor.ReasonRecycleRequests)
		}
		p.watchIdle(m)
	}
	pl, more := p.next(now)
	if p.draining {
		p.unlock()
	} else {
		p.mu.Unlock()
	}
	if cause := c.Cancelled(); cause != nil {
		if err = p.verdict(c, cause, err); err != nil {
			p.orphaned(w, c, a.Result)
		}
	} else if c.Notification() {
		p.orphaned(w, c, a.Result)
	}
	if err != nil {
		c.FailIn(a.Burst, err)
	} else {
		c.ReplyIn(a.Burst, a.Result)
	}
	if more {
		p.send(pl, a.Burst)
		p.dispatch(a.Burst)
	}
}

// WorkerFell: w is dead. Who waits for it need not, what it had not begun runs
// elsewhere, and a spare serves at once; what it had begun comes later.
func (p *Pool) WorkerFell(w *supervisor.Worker, unstarted []*rpc.Call) (back []*rpc.Call) {
	var stranded []*rpc.Call
	p.mu.Lock()
	if m := p.memberOf(w); m != nil {
		m.closed = true
		p.unpin(m)
		stranded = p.strand(m)
	}
	for _, c := range slices.Backward(unstarted) { // the head of the queue gets the oldest last
		if !p.mayRunAgain(supervisor.Orphan{Call: c}) || p.requeue(c) != nil {
			back = append(back, c)
		}
	}
	slices.Reverse(back)
	p.fill()
	p.unlock()
	failStale(stranded)
	p.dispatch(nil)
	return back
}

// WorkerGone: w is dead and buried. What had started fails with the whole cause, what had
// not runs elsewhere: nothing is lost, nothing runs twice.
func (p *Pool) WorkerGone(w *supervisor.Worker, e supervisor.Exit, left []supervisor.Orphan) (lost, requeued int) {
	type failure struct {
		call *rpc.Call
		why  *rpc.Error
	}
	var failures []failure
	var stranded []*rpc.Call
	p.mu.Lock()
	if m := p.memberOf(w); m != nil {
		p.members = slices.DeleteFunc(p.members, func(x *member) bool { return x == m })
		p.unpin(m)
		stranded = p.strand(m)
	}
	switch {
	case p.removeSpare(w):
		p.reserve.died(&e, p.circuit.backoff, rand.Float64(), time.Now())
	case e.WasReady:
		p.circuit.died(&e, time.Now())
	}
	p.fill()
	for _, o := range slices.Backward(left) { // the head of the queue gets the oldest last
		if p.mayRunAgain(o) {
			if why := p.requeue(o.Call); why != nil {
				failures = append(failures, failure{o.Call, why})
				continue
			}
			requeued++
			continue
		}
		lost++
		why := e.LostError(o, w.ID())
		if cause := o.Call.Cancelled(); cause != nil {
			if why = p.unstarted(o.Call, cause); o.Started {
				why = started(cause, lastStack(&e))
			}
		}
		p.tally.done(o.Call, 0, why, time.Now())
		failures = append(failures, failure{o.Call, why})
	}
	var hopeless []*rpc.Call
	refusal := p.dismissal()
	if refusal != nil {
		hopeless = p.takeWaiting()
	}
	p.unlock()
	for _, f := range slices.Backward(failures) {
		f.call.Fail(f.why)
	}
	failAll(hopeless, refusal)
	failStale(stranded)
	p.dispatch(nil)
	return lost, requeued
}

// mayRunAgain decides what becomes of a call whose worker died: one that had
// not started runs elsewhere, a bounded number of times, as a poisonous line
// must not go round for ever; one that had started only if its host said that
// running twice does no harm, and none of whose items has gone out.
func (p *Pool) mayRunAgain(o supervisor.Orphan) bool {
	switch c := o.Call; {
	case c.Cancelled() != nil, o.Started && c.Holder != nil:
		return false
	case !o.Started && c.Requeues < p.opt.MaxRequeues:
		c.Requeues++
		return true
	case o.Started && c.Meta.Idempotent && !c.Said() && c.Retries < p.opt.MaxRetries:
		c.Retries++
		return true
	}
	return false
}
