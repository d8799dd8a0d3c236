package pool

import (
	"math/rand/v2"
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// Recycling is planned and costs nobody anything: the successor is ready
// before the old worker stops taking calls, which is a soft restart of its
// slot. Here is only when; for memory it is in memory.go.

// newMember is a worker that has just become ready, with the end of its life
// in view.
func (p *Pool) newMember(w *supervisor.Worker, info supervisor.ReadyInfo) *member {
	m := &member{worker: w, slot: w.ID().Slot, gen: w.ID().Gen, loop: info.Loop, born: p.circuit.troubles, pinned: newQueue(), idleSince: time.Now()}
	m.readyAt = m.idleSince
	p.limitLife(m)
	p.watchIdle(m)
	select {
	case p.hatched <- struct{}{}: // what it weighs before its first call is what the module needs
	default:
	}
	return m
}

// lifetime is how many calls a worker answers before it is recycled, by chance
// some more; 0: as many as come.
func (p *Pool) lifetime() int {
	n := p.opt.MaxRequests
	if n > 0 && p.opt.MaxRequestsJitter > 0 {
		n += rand.IntN(p.opt.MaxRequestsJitter + 1)
	}
	return n
}

// retire asks for m's successor, once. When there cannot be one the old worker
// goes on, and is asked again after another lifetime. Called with mu held.
func (p *Pool) retire(m *member, reason supervisor.Reason) {
	if m.retiring || p.draining || p.closed {
		return
	}
	m.retiring = true
	m.retireAt = time.Time{}
	replaced := p.rooms[m.slot].slot.Restart(reason, false)
	p.tasks.Go(func() {
		if err := <-replaced; err == nil {
			return // the slot answers always, at the latest when it ends
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		m.retiring, m.answered = false, 0
		if p.opt.MaxAge > 0 {
			m.retireAt = time.Now().Add(p.opt.MaxAge)
			p.expireAt(m.retireAt)
		}
	})
}
