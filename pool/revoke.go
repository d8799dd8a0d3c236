package pool

import (
	"context"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// A function that has always been quick may be slow the next time, and by then
// others wait behind it in its worker's pipe, which an idle worker could be
// doing. So a pipe that has not moved for a while is asked to give back what
// has not started; it comes back through CallDone and goes to the head of the
// queue. A pool of one worker has no better place for it and does not ask, and
// a call that has come back max-requeues times stays where it is. What nobody
// asked for is a broken rule of the worker's (supervisor), so none can send its
// calls round for ever.

// mostAsks is how often one pipe is asked, after 1, 4, 16 and 64 ms: a first
// signal is missed when it lands as a sleep begins.
const mostAsks = 4

// watchPipe has rescue look at m, behind whose running call another was put.
// Called with mu held.
func (p *Pool) watchPipe(m *member) {
	if m.onMain < 2 || len(p.members) < 2 || p.watching {
		return
	}
	p.watching = true
	select {
	case p.piped <- struct{}{}:
	default: // a wake-up is under way
	}
}

// rescue is the goroutine that looks. It sleeps unless some pipe holds more
// than the call that runs.
func (p *Pool) rescue(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.piped:
			timer.Reset(blocked)
		case <-timer.C:
			if p.revokeStuck(time.Now()) {
				timer.Reset(blocked)
			}
		}
	}
}

// revokeStuck asks pipes that are stuck for what they hold, and says whether
// there is any pipe to go on watching.
func (p *Pool) revokeStuck(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watching = false
	for _, m := range p.members {
		if m.stuck != m.since {
			m.stuck, m.asks = m.since, 0
		}
		if m.onMain < 2 || m.asks >= mostAsks {
			continue
		}
		p.watching = true
		if now.Sub(m.since) >= blocked<<(2*m.asks) {
			m.asks++
			m.worker.Revoke(p.opt.MaxRequeues)
		}
	}
	return p.watching
}

// revoked says that a reply gives a call back: it speaks of a cancel, nobody
// has cancelled, and the call had not started. One that had is never run again,
// whatever its worker says of it.
func revoked(c *rpc.Call, lane supervisor.Lane, err *rpc.Error) bool {
	if err == nil || err.Code != rpc.CodeRequestCancelled || lane != supervisor.LaneMain || c.Cancelled() != nil {
		return false
	}
	started, said := field[bool](err, "started")
	return said && !started
}

// takeBack puts a revoked call at the head of the queue.
func (p *Pool) takeBack(w *supervisor.Worker, c *rpc.Call) {
	p.mu.Lock()
	if m := p.memberOf(w); m != nil {
		m.onMain-- // what runs there runs on: not leave, which would say that its turn is over
	}
	c.TakenBack++
	refused := p.requeue(c)
	p.mu.Unlock()
	if refused != nil {
		c.Fail(refused)
	}
	p.dispatch(nil)
}
