package pool

import (
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// A call is unwanted when its host says so, when its host is gone, or when its
// deadline has passed; all three are one Call.Cancel with a cause. One that
// waits never starts. One that runs is interrupted: its worker gets a ladder
// of ever harder requests, at the end of which it is dead. The call is
// answered when it has ended or its worker has, and never before: an answer
// that leaves the work running would lie about the seat. One that has not
// started is answered when it is certain that it never will, though its line may
// be in the pipe of a worker that another call holds: it need not wait for that
// call, and its place in the pipe does.

// CancelCall is told by a call that it is no longer wanted.
func (p *Pool) CancelCall(c *rpc.Call, cause *rpc.Error) {
	p.mu.Lock()
	waited := false
	for _, q := range p.queues() {
		waited = waited || q.remove(origin(c), c)
	}
	p.mu.Unlock()
	if waited {
		c.Fail(p.unstarted(c, cause))
		p.dispatch(nil) // what stood behind it may be of a function that fits
		return
	}
	p.interrupt(c, cause)
}

// interrupt starts the ladder for a call that runs; nothing happens when no
// worker has it, because then its answer is under way.
func (p *Pool) interrupt(c *rpc.Call, cause *rpc.Error) {
	reason := supervisor.ReasonCancel
	if cause.Kind() == rpc.KindDeadlineExceeded {
		reason = supervisor.ReasonDeadline
	}
	p.mu.Lock()
	members := append([]*member(nil), p.members...)
	grace := p.opt.CancelGrace
	p.mu.Unlock()
	for _, m := range members {
		if m.worker.Interrupt(c, supervisor.Interruption{Reason: reason, Grace: grace}) {
			return
		}
	}
}

// CallVoid answers a call that will never start.
func (p *Pool) CallVoid(_ *supervisor.Worker, c *rpc.Call) {
	why := p.unstarted(c, c.Cancelled())
	p.mu.Lock()
	p.returned(c)
	p.tally.done(c, 0, why, time.Now())
	p.mu.Unlock()
	c.Fail(why)
}

// SeatFree: the line of such a call has left the pipe.
func (p *Pool) SeatFree(w *supervisor.Worker, lane supervisor.Lane) {
	p.mu.Lock()
	if m := p.memberOf(w); m != nil {
		m.leave(lane, time.Now())
		p.watchIdle(m)
	}
	if p.draining {
		p.unlock()
	} else {
		p.mu.Unlock()
	}
	p.dispatch(nil)
}

// verdict is what an unwanted call is answered, given what its worker replied:
// nil means that the reply's result counts, as the call was quicker than its
// cancel. A deadline is hard: what comes too late is dropped.
func (p *Pool) verdict(c *rpc.Call, cause, reply *rpc.Error) *rpc.Error {
	if cause.Kind() == rpc.KindTooLarge {
		return cause // an item of its stream was lost, whatever became of the rest
	}
	stopped := reply.Kind() == rpc.KindRequestCancelled
	if !stopped && cause.Kind() != rpc.KindDeadlineExceeded {
		return reply
	}
	if started, said := field[bool](reply, "started"); stopped && said && !started {
		return p.unstarted(c, cause)
	}
	return started(cause, stackOf(reply))
}

// unstarted is what a call is answered that was unwanted before it began.
func (p *Pool) unstarted(c *rpc.Call, cause *rpc.Error) *rpc.Error {
	if cause.Kind() == rpc.KindDeadlineExceeded {
		return deadlineExceeded(c, p.opt.Name, false)
	}
	return cause.With("started", false)
}

// started is what a call is answered that had begun. Where it stood is for
// whoever set the deadline; a host that cancels knows why.
func started(cause *rpc.Error, stack string) *rpc.Error {
	cause = cause.With("started", true)
	if cause.Kind() == rpc.KindDeadlineExceeded {
		cause = cause.With("stack", stack)
	}
	return cause
}

// noStack begins what an error says in the place of a stack, and why.
const noStack = "no Python stack: "

// stackOf is where a call was at its deadline: as its worker saw it when it
// stopped the call or, when the call ended otherwise, how it did.
func stackOf(reply *rpc.Error) string {
	if reply == nil {
		return noStack + "the function returned by itself after its deadline, or caught its interruption; the result was dropped"
	}
	for _, place := range [...]string{"stack", "text"} { // an interruption's, an exception's
		if stack, ok := field[string](reply, place); ok && stack != "" {
			return stack
		}
	}
	return noStack + "the call was answered after its deadline, with " + reply.Message
}

// lastStack is the same of a call that ended with its worker.
func lastStack(e *supervisor.Exit) string {
	if e.Stack != "" {
		return e.Stack
	}
	return noStack + "the worker " + describe(e)
}
