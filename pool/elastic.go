package pool

import (
	"context"
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// An elastic pool (max-workers above workers) grows by one slot at a time,
// when a call has to wait, and shrinks by one when a worker above the minimum
// has had nothing to do for idle-timeout. One at a time in both directions: a
// burst that is over before the first new worker is ready needs no second one.

// room is a numbered place for a slot.
type room struct {
	slot    *supervisor.Slot
	stop    context.CancelCauseFunc
	spare   bool // its worker is held back
	leaving bool // it was told to end
}

// open runs one more slot, under the lowest number that is free; a slot that is
// ending keeps its number until its worker is gone. A spare one does not count
// as opened. Called with mu held.
func (p *Pool) open(spare bool) {
	number := slices.Index(p.rooms, nil)
	if number < 0 {
		return
	}
	ctx, stop := context.WithCancelCause(p.running)
	r := &room{stop: stop, spare: spare, slot: supervisor.NewSlot(supervisor.SlotConfig{
		Pool:            p.opt.Name,
		Number:          number,
		Gate:            p,
		Next:            p.nextWorker,
		Hook:            p.opt.Hook,
		GracefulTimeout: p.opt.GracefulTimeout,
	})}
	p.rooms[number] = r
	if !spare {
		p.opened++
	}
	p.tasks.Go(func() {
		defer stop(nil)
		_ = r.slot.Run(ctx) // ends with ctx; its failures are Events
		p.mu.Lock()
		if p.rooms[number] == r && !p.closed {
			p.rooms[number] = nil
			p.unlock()
			return
		}
		p.mu.Unlock()
	})
}

// grow opens a slot for a call that has to wait, unless one is on its way, or
// the last one failed. Where there is a spare, it serves at once. Called with
// mu held.
func (p *Pool) grow() {
	if p.running == nil || p.opened >= p.opt.MaxWorkers || p.opened > len(p.members) || p.circuit.cause != nil || p.draining || p.closed {
		return
	}
	p.open(false)
	if p.fill() {
		p.tasks.Go(func() { p.dispatch(nil) })
	}
}

// shrink ends the workers above the minimum that have been idle for long
// enough, and says when to look again. Called with mu held.
func (p *Pool) shrink(now time.Time, earliest func(time.Time)) {
	if p.opt.IdleTimeout <= 0 {
		return
	}
	for _, m := range p.members {
		if p.opened <= p.opt.Workers {
			return
		}
		if m.busy() || m.closed || p.rooms[m.slot].leaving {
			continue
		}
		due := m.idleSince.Add(p.opt.IdleTimeout)
		if m.worker.Handles() > 0 {
			due = due.Add(p.opt.GracefulTimeout) // its objects are in use, for a while yet
		}
		if now.Before(due) {
			earliest(due)
			continue
		}
		m.closed = true
		p.opened--
		p.rooms[m.slot].leaving = true
		p.rooms[m.slot].stop(supervisor.Ending{Reason: supervisor.ReasonRecycleIdle})
	}
}

// slots are those that run.
func (p *Pool) slots() []*supervisor.Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*supervisor.Slot
	for _, r := range p.rooms {
		if r != nil {
			all = append(all, r.slot)
		}
	}
	return all
}

// watchIdle sees to it that shrink looks at m in time. Called with mu held.
func (p *Pool) watchIdle(m *member) {
	if p.opened > p.opt.Workers && p.opt.IdleTimeout > 0 && !m.busy() {
		p.expireAt(m.idleSince.Add(p.opt.IdleTimeout))
	}
}
