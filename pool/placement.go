package pool

import (
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// placement is a call with the seat it was given.
type placement struct {
	call   *rpc.Call
	member *member
	lane   supervisor.Lane
}

// place finds a seat for a call of f and takes it; nil member when there is
// none now. Called with mu held.
//
// Among idle workers the one used last wins: its caches are warm and it may
// still be polling. Otherwise the least laden.
func (p *Pool) place(c *rpc.Call, f *function) placement {
	if f.lane() == supervisor.LaneLoop {
		if m := p.leastOnLoop(); m != nil {
			m.onLoop++
			return placement{c, m, supervisor.LaneLoop}
		}
	}
	var best *member
	var now time.Time
	for _, m := range p.members {
		if !m.accepting() {
			continue
		}
		if f.lane() == supervisor.LaneLoop && m.loop {
			continue // its loop is full; the main lane would only hide that
		}
		if m.onMain > 0 && now.IsZero() {
			now = time.Now()
		}
		if !m.roomOnMain(f, p.opt.Depth, p.opt.Concurrency, now) {
			continue
		}
		if best == nil || m.onMain < best.onMain || m.onMain == best.onMain && m.used > best.used {
			best = m
		}
	}
	if best == nil {
		return placement{}
	}
	if best.onMain == 0 {
		best.since = time.Now()
	}
	best.onMain++
	p.turn++
	best.used = p.turn
	return placement{c, best, supervisor.LaneMain}
}

// leastOnLoop is the worker with the fewest coroutines in flight and room for
// one more; nil when every loop is full or none runs yet (the first coroutine
// call goes by the main lane and starts it).
func (p *Pool) leastOnLoop() *member {
	var best *member
	for _, m := range p.members {
		if m.loop && m.onLoop < p.opt.Concurrency && m.accepting() && (best == nil || m.onLoop < best.onLoop) {
			best = m
		}
	}
	return best
}

// next takes one waiting call that can be seated now. Called with mu held.
// Both lanes' heads are tried: a busy main thread must not keep a coroutine
// from its loop.
func (p *Pool) next() (placement, bool) {
	for lane := range p.waiting {
		q := &p.waiting[lane]
		c := q.peek()
		if c == nil {
			continue
		}
		if pl := p.place(c, p.functions.of(c.Function)); pl.member != nil {
			q.pop()
			return pl, true
		}
	}
	return placement{}, false
}

// dispatch seats waiting calls until none can be seated.
func (p *Pool) dispatch() {
	for {
		p.mu.Lock()
		pl, ok := p.next()
		p.mu.Unlock()
		if !ok {
			return
		}
		p.send(pl)
	}
}

// send hands a placed call to its worker. A worker that refuses is on its way
// out: the call goes back to the head of the queue, unharmed.
func (p *Pool) send(pl placement) {
	if pl.member.worker.Send(pl.call, pl.lane) {
		return
	}
	p.mu.Lock()
	pl.member.closed = true
	pl.member.leave(pl.lane)
	refused := p.requeue(pl.call)
	p.mu.Unlock()
	if refused != nil {
		pl.call.Fail(refused)
	}
	p.dispatch()
}
