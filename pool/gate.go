package pool

import (
	"context"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// This file is the pool as a slot's gate: circuit.go with a lock and a clock.

var (
	_ supervisor.Gate    = (*Pool)(nil)
	_ supervisor.Breaker = (*Pool)(nil)
)

// Broken says that the circuit is open: a slot that waits shows it.
func (p *Pool) Broken() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.circuit.broken
}

// Enter blocks until the circuit lets slot spawn.
func (p *Pool) Enter(ctx context.Context, slot int) (func(*supervisor.Exit), error) {
	told := false
	for {
		p.mu.Lock()
		h := p.hasteFor(slot)
		if h != nil {
			p.circuit.hurry()
			p.reserve = reserve{}
		}
		ok, wait := p.circuit.mayStart(time.Now())
		if ok && p.isSpare(slot) {
			ok, wait = p.reserve.mayStart(p.circuit.starting, time.Now())
		}
		if ok {
			p.circuit.started()
			if h != nil {
				h.starts--
			}
			p.mu.Unlock()
			return p.startEnded, nil
		}
		changed, streak := p.changed, p.circuit.streak
		p.mu.Unlock()
		if wait > 0 && !told {
			told = true
			p.opt.Hook(supervisor.BackedOff{
				Identity: supervisor.Identity{Pool: p.opt.Name, Slot: slot}, Delay: wait, Streak: streak,
			})
		}
		if err := waitFor(ctx, changed, wait); err != nil {
			return nil, err
		}
	}
}

// waitFor ends with changed, after wait when it is positive, or with ctx's
// error.
func waitFor(ctx context.Context, changed <-chan struct{}, wait time.Duration) error {
	var timer <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-changed:
	case <-timer:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// startEnded: nil means the worker became ready.
func (p *Pool) startEnded(e *supervisor.Exit) {
	var hopeless []*rpc.Call
	var refusal *rpc.Error
	p.mu.Lock()
	switch {
	case e == nil:
		p.circuit.ready()
	case e.Reason.Planned():
		p.circuit.abandoned()
	default:
		p.failures++
		p.circuit.failed(e, time.Now())
		// Nobody is left waiting for what has just failed.
		if refusal = p.dismissal(); refusal != nil {
			hopeless = p.takeWaiting()
		}
	}
	p.unlock()
	failAll(hopeless, refusal)
}
