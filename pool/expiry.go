package pool

import (
	"context"
	"fmt"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// Every call has a deadline: the smaller of what its host asked for and
// call-timeout. A call that waits also has the queue's. Timers for each of
// them would cost every call an arming and a disarming, for an event that
// nearly never comes; so one goroutine sleeps until the earliest of them that
// may be due and then looks at all calls the pool holds. A new call wakes it
// only when its own deadline is earlier still, which with one call-timeout for
// all is never.

// limit sets the call's deadline. Called with mu held.
func (p *Pool) limit(c *rpc.Call) {
	timeout := p.opt.CallTimeout
	if asked := c.Meta.Timeout; asked > 0 && asked < timeout {
		timeout = asked
	}
	c.Deadline = c.Arrived.Add(timeout)
	p.expireAt(c.Deadline)
}

// queueLimit is when a waiting call has waited long enough.
func (p *Pool) queueLimit(c *rpc.Call) time.Time { return c.Arrived.Add(p.opt.QueueTimeout) }

// expireAt makes sure that the expiry goroutine looks at t. Called with mu held.
func (p *Pool) expireAt(t time.Time) {
	if !p.lookAt.IsZero() && !t.Before(p.lookAt) {
		return
	}
	p.lookAt = t
	select {
	case p.look <- struct{}{}:
	default: // it has a wake-up waiting and reads lookAt then
	}
}

// onTheWay is when to look again while some call is neither in a queue nor on
// its seat, but between the two: whoever carries it holds no lock, and its
// deadline would not be seen again.
const onTheWay = 50 * time.Millisecond

// expire is the goroutine. It ends with ctx.
func (p *Pool) expire(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.look:
		case <-timer.C:
			p.lookAround(time.Now())
		}
		p.mu.Lock()
		at := p.lookAt
		p.mu.Unlock()
		timer.Stop()
		if !at.IsZero() {
			timer.Reset(time.Until(at))
		}
	}
}

// lookAround ends what is out of time and finds out when to look again.
func (p *Pool) lookAround(now time.Time) {
	type late struct {
		call *rpc.Call
		why  *rpc.Error
	}
	var refused, overdue []late
	p.mu.Lock()
	var next time.Time
	earliest := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, q := range p.queues() {
		for _, c := range q.all() {
			switch {
			case !now.Before(c.Deadline):
				refused = append(refused, late{c, deadlineExceeded(c, p.opt.Name, false)})
			case !now.Before(p.queueLimit(c)):
				refused = append(refused, late{c, p.waitedTooLong(c)})
			default:
				earliest(c.Deadline)
				earliest(p.queueLimit(c))
				continue
			}
			q.remove(origin(c), c)
		}
	}
	for _, m := range p.members {
		outstanding := m.worker.Outstanding()
		if len(outstanding) < m.onMain+m.onLoop {
			earliest(now.Add(onTheWay))
		}
		for _, o := range outstanding {
			due, why := p.due(o.Call)
			switch {
			case o.Call.Cancelled() != nil: // its ladder runs
			case !now.Before(due):
				overdue = append(overdue, late{o.Call, why(o.Call)})
			default:
				earliest(due)
			}
		}
	}
	for _, m := range p.all() {
		switch {
		case m.retireAt.IsZero():
		case now.Before(m.retireAt):
			earliest(m.retireAt)
		default:
			p.retire(m, supervisor.ReasonRecycleAge)
		}
	}
	p.shrink(now, earliest)
	p.lookAt = next
	p.unlock()
	for _, l := range refused {
		l.call.Fail(l.why)
	}
	for _, l := range overdue {
		l.call.Cancel(l.why)
	}
	if len(refused) > 0 {
		p.dispatch(nil) // what stood behind them may be of a function that fits
	}
}

func deadlineExceeded(c *rpc.Call, pool string, started bool) *rpc.Error {
	limit := c.Deadline.Sub(c.Arrived)
	message := fmt.Sprintf("%s did not end within %s and was stopped: give it more time (meta.timeout_ms, the pool's call-timeout), or look at the stack for what it waits for", c.Function, limit)
	if !started {
		message = fmt.Sprintf("%s was not started within %s, as all workers of pool %s were busy: give it more time, or the pool more workers", c.Function, limit, pool)
	}
	return rpc.NewError(rpc.KindDeadlineExceeded, message, rpc.Fields{"started": started, "stack": ""})
}

func (p *Pool) waitedTooLong(c *rpc.Call) *rpc.Error {
	retry := p.tally.drainTime(p.waitingCalls(), len(p.members))
	return rpc.NewError(rpc.KindOverloaded,
		fmt.Sprintf("%s waited %s for a worker of pool %s, its queue-timeout: try again in %d ms, or give the pool more workers", c.Function, p.opt.QueueTimeout, p.opt.Name, retry.Milliseconds()),
		rpc.Fields{"retry_after_ms": retry.Milliseconds(), "queue": p.waitingCalls()})
}
