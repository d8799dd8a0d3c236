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
func (p *Pool) place(c *rpc.Call, f *function, now time.Time) placement {
	if m := p.attached(c); m != nil {
		return p.placeOn(m, c, f, now)
	}
	pl := p.placeAnywhere(c, f, now)
	if pl.member != nil && c.Meta.Affinity != "" {
		p.affinity.attach(c.Meta.Affinity, pl.member)
	}
	return pl
}

// attached is the worker that c's affinity binds it to; nil when it is free to
// go anywhere.
func (p *Pool) attached(c *rpc.Call) *member {
	if c.Meta.Affinity == "" {
		return nil
	}
	if m := p.affinity.find(c.Meta.Affinity); m != nil && m.accepting() {
		return m
	}
	return nil
}

// placeOn tries one worker.
func (p *Pool) placeOn(m *member, c *rpc.Call, f *function, now time.Time) placement {
	switch {
	case f.lane() == supervisor.LaneLoop && m.loop:
		if m.onLoop >= p.seats.concurrency {
			return placement{}
		}
		m.onLoop++
		return placement{c, m, supervisor.LaneLoop}
	case m.roomOnMain(f, p.seats.depth, p.seats.concurrency, now):
		return p.seatOnMain(m, c, now)
	}
	return placement{}
}

// placeAnywhere chooses. Among idle workers the one used last wins: its caches
// are warm and it may still be polling. Otherwise the least laden.
func (p *Pool) placeAnywhere(c *rpc.Call, f *function, now time.Time) placement {
	if f.lane() == supervisor.LaneLoop {
		if m := p.leastOnLoop(); m != nil {
			m.onLoop++
			return placement{c, m, supervisor.LaneLoop}
		}
	}
	var best *member
	for _, m := range p.members {
		if !m.accepting() {
			continue
		}
		if f.lane() == supervisor.LaneLoop && m.loop {
			continue // its loop is full; the main lane would only hide that
		}
		if !m.roomOnMain(f, p.seats.depth, p.seats.concurrency, now) {
			continue
		}
		if best == nil || m.onMain < best.onMain || m.onMain == best.onMain && m.used > best.used {
			best = m
		}
	}
	if best == nil {
		return placement{}
	}
	return p.seatOnMain(best, c, now)
}

func (p *Pool) seatOnMain(m *member, c *rpc.Call, now time.Time) placement {
	if m.onMain == 0 {
		m.since = now
	}
	m.onMain++
	p.turn++
	m.used = p.turn
	p.watchPipe(m)
	return placement{c, m, supervisor.LaneMain}
}

// leastOnLoop is the worker with the fewest coroutines in flight and room for
// one more; nil when every loop is full or none runs yet (the first coroutine
// call goes by the main lane and starts it).
func (p *Pool) leastOnLoop() *member {
	var best *member
	for _, m := range p.members {
		if m.loop && m.onLoop < p.seats.concurrency && m.accepting() && (best == nil || m.onLoop < best.onLoop) {
			best = m
		}
	}
	return best
}

// next takes one waiting call that can be seated now. Called with mu held.
//
// Every place is asked for its head: a busy main thread must not keep a
// coroutine from its loop, nor a full loop the main thread from what it can do.
// Who was served is asked last the next time, so that none of those that want
// the same seats (all but the loop's want the main thread, and those who wait
// for one worker want what others do) starves another.
func (p *Pool) next(now time.Time) (placement, bool) {
	const places = int(needs) + 2 // and where calls wait for one worker, or for its handle
	for i := range places {
		at := (p.first + i) % places
		pl, ok := p.nextAt(at, now)
		if ok {
			p.first = at + 1
			return pl, true
		}
	}
	return placement{}, false
}

func (p *Pool) nextAt(place int, now time.Time) (placement, bool) {
	switch place {
	case int(needs):
		return p.nextPinned(now)
	case int(needs) + 1:
		return p.nextHeld(now)
	}
	return p.nextOf(&p.waiting[place], now)
}

func (p *Pool) nextPinned(now time.Time) (placement, bool) {
	for _, m := range p.members {
		if m.pinned.size == 0 {
			continue
		}
		if !m.accepting() {
			p.unpin(m)
			continue
		}
		if pl, ok := p.nextOf(&m.pinned, now); ok {
			return pl, true
		}
	}
	return placement{}, false
}

func (p *Pool) nextOf(q *queue, now time.Time) (placement, bool) {
	c := q.peek()
	if c == nil {
		return placement{}, false
	}
	pl := p.place(c, p.functions.of(c.Function), now)
	if pl.member == nil {
		return placement{}, false
	}
	q.pop()
	return pl, true
}

// unpin lets the calls that waited for m go anywhere: it takes no more.
func (p *Pool) unpin(m *member) {
	p.affinity.release(m)
	for _, c := range m.pinned.takeAll() {
		p.queueOf(c, p.functions.of(c.Function)).push(origin(c), c)
	}
}

// queueOf is where c, a call of f, waits.
func (p *Pool) queueOf(c *rpc.Call, f *function) *queue {
	if m := p.attached(c); m != nil {
		return &m.pinned
	}
	return &p.waiting[f.need()]
}

// queues are all places where calls wait.
func (p *Pool) queues() []*queue {
	all := make([]*queue, 0, len(p.waiting)+len(p.members))
	for need := range p.waiting {
		all = append(all, &p.waiting[need])
	}
	for _, m := range p.members {
		if m.pinned.size > 0 {
			all = append(all, &m.pinned)
		}
	}
	for _, l := range p.leases {
		if l.queue.size > 0 {
			all = append(all, &l.queue)
		}
	}
	return all
}

// dispatch seats waiting calls until none can be seated, as part of a burst if
// there is one.
func (p *Pool) dispatch(b *rpc.Burst) {
	for {
		p.mu.Lock()
		pl, ok := p.next(b.Now())
		p.mu.Unlock()
		if !ok {
			return
		}
		p.send(pl, b)
	}
}

// send hands a placed call to its worker. A worker that refuses is on its way
// out: the call goes back to the head of the queue, unharmed.
func (p *Pool) send(pl placement, b *rpc.Burst) {
	if pl.member.worker.Send(pl.call, pl.lane, b) {
		// A cancel that came between the placing and the sending found the
		// call nowhere.
		if cause := pl.call.Cancelled(); cause != nil {
			p.interrupt(pl.call, cause)
		}
		return
	}
	p.mu.Lock()
	pl.member.leave(pl.lane, b.Now())
	if s := pl.member.worker.State(); s == supervisor.Ready || s == supervisor.Draining && pl.call.Holder != nil {
		pl.member.full = true // its seats and our count of them disagree: let one be answered
	} else {
		pl.member.closed = true
	}
	refused := p.requeue(pl.call)
	p.mu.Unlock()
	if refused != nil {
		pl.call.FailIn(b, refused)
	}
	p.dispatch(b)
}
