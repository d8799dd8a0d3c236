package pool

import (
	"fmt"
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// A call on a handle goes to the one worker that holds the object, and waits for
// that one's seat. Calls on one handle are first in, first out: the next is sent
// when the one before has been answered, so it makes no difference that one runs
// on the main thread and the other on the loop, that calls placed by two
// goroutines may be sent in either order, or that one was interrupted. It costs
// a round trip a call on the same handle; calls on different ones share the pipe
// as ever. Who wants two calls on one object at once takes a second handle of it
// ($ref.$value, returns "ref").
//
// What is rejected: ordering in the worker. It would have to hold calls back that
// have been read and started, block its main thread for a coroutine, or run
// functions on the loop's.

// leaseKey names what calls wait in one line: the handle, or the worker for those
// that only take a handle as an argument, which have no order among them to keep.
type leaseKey struct {
	place rpc.RefPlace
	ref   string
}

func keyOf(c *rpc.Call) leaseKey { return leaseKey{*c.Holder, c.Meta.Ref} }

// lease is the line of calls on one handle, for as long as there are any.
type lease struct {
	key    leaseKey
	member *member
	queue  queue
	out    *rpc.Call // the one that its worker has; calls on the handle wait for it
	ripe   bool      // it is in the member's list of those that may go next
}

// leases are the lines of one pool; guarded by its lock.
type leases map[leaseKey]*lease

// holder is the worker at a place; nil when it is gone or about to be.
func (p *Pool) holder(place rpc.RefPlace) *member {
	for _, m := range p.members {
		if m.slot == place.Slot && m.gen == place.Gen && p.opt.Number == place.Pool {
			if s := m.worker.State(); s == supervisor.Ready || s == supervisor.Draining {
				return m
			}
		}
	}
	return nil
}

// takesHeld says that calls on handles may still be sent: a draining worker is
// the only one that can take them.
func (m *member) takesHeld() bool {
	s := m.worker.State()
	return !m.full && (s == supervisor.Ready || s == supervisor.Draining)
}

// leaseOf is the line that c waits in, made when there is none; nil when its
// worker is gone. Called with mu held.
func (p *Pool) leaseOf(c *rpc.Call) *lease {
	key := keyOf(c)
	if l := p.leases[key]; l != nil {
		return l
	}
	m := p.holder(key.place)
	if m == nil {
		return nil
	}
	l := &lease{key: key, member: m, queue: newQueue()}
	p.leases[key] = l
	return l
}

// submitHeld is Submit for a call that one worker alone can take. Called with mu
// held, which it gives back.
func (p *Pool) submitHeld(c *rpc.Call, b *rpc.Burst) {
	l := p.leaseOf(c)
	if l == nil {
		p.mu.Unlock()
		c.FailIn(b, staleRef(c))
		return
	}
	p.limit(c)
	if l.queue.size == 0 {
		if pl := p.placeHeld(l, c, b.Now()); pl.member != nil {
			p.mu.Unlock()
			p.send(pl, b)
			return
		}
	}
	loser, why := p.enqueue(c)
	stale := loser != c && !p.waitHeld(c, false) // its worker was there a moment ago
	p.tidyLease(l)
	p.mu.Unlock()
	if loser != nil {
		loser.FailIn(b, why)
	}
	if stale {
		c.FailIn(b, staleRef(c))
	}
}

// placeHeld seats a call on the worker of its handle; nil member when it cannot
// be seated now. Called with mu held.
func (p *Pool) placeHeld(l *lease, c *rpc.Call, now time.Time) placement {
	if l.out != nil || !l.member.takesHeld() {
		return placement{}
	}
	pl := p.placeOn(l.member, c, p.functions.of(c.Function), now)
	if pl.member != nil && l.key.ref != "" {
		l.out = c
	}
	return pl
}

// ripen puts the line among those that may go next, unless it must wait for the
// call that is out. Called with mu held.
func (p *Pool) ripen(l *lease) {
	if !l.ripe && l.out == nil && l.queue.size > 0 {
		l.ripe = true
		l.member.ripe = append(l.member.ripe, l)
	}
}

// returned notes that a call on a handle is no longer with its worker. Called
// with mu held.
func (p *Pool) returned(c *rpc.Call) {
	if c.Holder == nil {
		return
	}
	l := p.leases[keyOf(c)]
	if l == nil {
		return
	}
	if l.out == c {
		l.out = nil
	}
	p.ripen(l)
	p.tidyLease(l)
}

// tidyLease forgets a line that nobody stands in.
func (p *Pool) tidyLease(l *lease) {
	if l.out == nil && l.queue.size == 0 && !l.ripe && p.leases[l.key] == l {
		delete(p.leases, l.key)
	}
}

// waitHeld lets c wait for its worker, behind the others or, given back, before
// them. False says that the worker is gone. Called with mu held.
func (p *Pool) waitHeld(c *rpc.Call, again bool) bool {
	l := p.leaseOf(c)
	if l == nil || p.holder(l.key.place) == nil {
		return false
	}
	if l.out == c {
		l.out = nil
	}
	if again {
		l.queue.pushFront(origin(c), c)
	} else {
		l.queue.push(origin(c), c)
	}
	p.ripen(l)
	return true
}

// nextHeld takes a call that waits for the worker of its handle and can be seated
// now. Lines take turns. Called with mu held.
func (p *Pool) nextHeld(now time.Time) (placement, bool) {
	if len(p.leases) == 0 {
		return placement{}, false
	}
	for _, m := range p.members {
		for i := 0; i < len(m.ripe) && m.takesHeld(); {
			l := m.ripe[i]
			c := l.queue.peek()
			if c != nil && l.out == nil {
				pl := p.placeHeld(l, c, now)
				if pl.member == nil {
					if p.functions.of(c.Function).lane() == supervisor.LaneMain {
						break
					}
					i++ // a full loop does not hold up the main thread
					continue
				}
				l.queue.pop()
				m.unripe(i)
				p.ripen(l) // of a line without order, the next may follow at once
				return pl, true
			}
			m.unripe(i) // who stood there was cancelled, or has another before it
			p.tidyLease(l)
		}
	}
	return placement{}, false
}

// unripe takes a line out of the list.
func (m *member) unripe(i int) {
	m.ripe[i].ripe = false
	m.ripe = slices.Delete(m.ripe, i, i+1)
}

// strand takes the calls that wait for m, which is dead. Called with mu held.
func (p *Pool) strand(m *member) (left []*rpc.Call) {
	for key, l := range p.leases {
		if l.member == m {
			left = append(left, l.queue.takeAll()...)
			delete(p.leases, key)
		}
	}
	m.ripe = nil
	return left
}

func failStale(calls []*rpc.Call) {
	for _, c := range calls {
		c.Fail(staleRef(c))
	}
}

// staleRef is what a call gets whose handle went with its worker.
func staleRef(c *rpc.Call) *rpc.Error {
	ref := c.Meta.Ref
	if ref == "" {
		ref = c.Holder.String()
	}
	return rpc.NewError(rpc.KindStaleRef,
		fmt.Sprintf("the worker that held %s is gone, and its objects with it: call what made the handle again, with meta.returns \"ref\"", ref),
		rpc.Fields{"ref": ref})
}
