package pool

import (
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// A call is unwanted when its host says so, when its host is gone, or when its
// deadline has passed; all three are one Call.Cancel with a cause. One that
// waits never starts. One that runs is interrupted: its worker gets a ladder
// of ever harder requests, at the end of which it is dead. The call is
// answered when it has ended or its worker has, and never before: an answer
// that leaves the work running would lie about the seat.

// CancelCall is told by a call that it is no longer wanted.
func (p *Pool) CancelCall(c *rpc.Call, cause *rpc.Error) {
	p.mu.Lock()
	waited := false
	for _, q := range p.queues() {
		waited = waited || q.remove(origin(c), c)
	}
	p.mu.Unlock()
	if waited {
		c.Fail(withField(cause, "started", false))
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
	p.mu.Unlock()
	for _, m := range members {
		if m.worker.Interrupt(c, supervisor.Interruption{Reason: reason, Grace: p.opt.CancelGrace}) {
			return
		}
	}
}

// verdict is what an unwanted call is answered, given what its worker replied:
// nil means that the reply's result counts, as the call was quicker than its
// cancel. A deadline is hard: what comes too late is dropped.
func verdict(cause, reply *rpc.Error) *rpc.Error {
	if cause.Kind() == rpc.KindDeadlineExceeded || reply.Kind() == rpc.KindRequestCancelled {
		return withStarted(cause, reply)
	}
	return reply
}

// withStarted takes over what the worker said of the call's having started.
func withStarted(cause, reply *rpc.Error) *rpc.Error {
	started := true
	if reply.Kind() == rpc.KindRequestCancelled {
		if said, ok := field[bool](reply, "started"); ok {
			started = said
		}
	}
	return withField(cause, "started", started)
}
