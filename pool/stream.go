package pool

import (
	"fmt"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// Some calls stand still before they end: a stream that is out of credit, and a
// function that waits for its host to answer a callback. Both hold their seats.
//
// A stream's deadline is for its own work, so it stands still while it waits for
// credit; then stream-idle-timeout runs, or a host that forgot a stream would
// hold a worker for ever. A callback's wait counts, as the work of the host is
// part of what the call is for.
//
// A host that serves a callback may make further calls. Where one of them would
// have to wait for a seat that only calls can free that wait for this very host,
// nobody would ever go on: it is refused with reentry. Whether it would is
// decided when it is to be queued. What was queued before the callback is not
// looked at: the host did not send it because of the callback, and may well
// answer first.

// CallPaused: a call stands still, or goes on.
func (p *Pool) CallPaused(w *supervisor.Worker, c *rpc.Call, lane supervisor.Lane, pause supervisor.Pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch pause {
	case supervisor.WaitsForCredit, supervisor.GotCredit:
		due, _ := p.due(c)
		p.expireAt(due)
	case supervisor.WaitsForCallback, supervisor.GotCallback:
		m := p.memberOf(w)
		switch {
		case m == nil || lane != supervisor.LaneMain:
		case pause == supervisor.WaitsForCallback:
			m.calling = c
		case !c.Owes():
			m.goesOn(c)
		}
	}
}

// goesOn: c waits for no callback any more, or has ended.
func (m *member) goesOn(c *rpc.Call) {
	if m.calling == c {
		m.calling = nil
	}
}

// due is when a call that has a seat must have ended, or gone on, and what
// becomes of it otherwise.
func (p *Pool) due(c *rpc.Call) (time.Time, func(*rpc.Call) *rpc.Error) {
	since, waited := c.Waiting()
	if since.IsZero() {
		return c.Deadline.Add(waited), p.ranTooLong
	}
	return since.Add(p.opt.StreamIdleTimeout), p.idledTooLong
}

func (p *Pool) ranTooLong(c *rpc.Call) *rpc.Error { return deadlineExceeded(c, p.opt.Name, true) }

func (p *Pool) idledTooLong(c *rpc.Call) *rpc.Error {
	return rpc.NewError(rpc.KindRequestCancelled,
		fmt.Sprintf("%s got no credit for its stream within %s (stream-idle-timeout) and was cancelled: send $/credit while you read, or cancel streams that you are done with", c.Function, p.opt.StreamIdleTimeout),
		rpc.Fields{"started": true})
}

// reentry is why c, which is to be queued, can never be served; nil when it can.
// Called with mu held.
func (p *Pool) reentry(c *rpc.Call) *rpc.Error {
	if c.Conn == nil || !c.Conn.Owes() || !p.neverServes(c) {
		return nil
	}
	return rpc.NewError(rpc.KindReentry,
		fmt.Sprintf("%s would wait for ever: the workers of pool %s that could run it wait for callbacks that this connection has to answer; answer one first, or give the pool more workers", c.Function, p.opt.Name),
		nil)
}

// neverServes says whether every worker that could run c waits for c's own host.
// One that c is bound to, by a handle or an affinity, is the only one that could.
func (p *Pool) neverServes(c *rpc.Call) bool {
	bound := p.attached(c)
	if c.Holder != nil {
		if l := p.leases[keyOf(c)]; l != nil && l.out != nil && l.out.Conn == c.Conn && l.out.Owes() {
			return true // the call before it on the same handle, wherever that waits
		}
		if bound = p.holder(*c.Holder); bound == nil {
			return false // it is gone, and so is the wait
		}
	}
	if bound != nil {
		return p.waitsFor(bound, c)
	}
	if len(p.members) == 0 || p.opened < p.opt.MaxWorkers || len(p.members) < p.opened {
		return false // another worker is on its way
	}
	for _, m := range p.members {
		if !p.waitsFor(m, c) {
			return false
		}
	}
	return true
}

// waitsFor says whether m has no seat for c before c's own host has answered a
// callback.
func (p *Pool) waitsFor(m *member, c *rpc.Call) bool {
	if takes := m.accepting() || c.Holder != nil && m.takesHeld(); !takes {
		return false
	}
	f := p.functions.of(c.Function)
	onLoop := f.lane() == supervisor.LaneLoop && m.loop
	if !onLoop && m.calling != nil && m.calling.Conn == c.Conn && m.calling.Owes() {
		return true
	}
	if !onLoop && !f.awaits || m.onLoop < p.seats.concurrency {
		return false
	}
	for _, o := range m.worker.Outstanding() {
		if o.Lane == supervisor.LaneLoop && (o.Call.Conn != c.Conn || !o.Call.Owes()) {
			return false
		}
	}
	return true
}
