package pool

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// A worker's memory is looked at from outside, from time to time: nothing tells
// us when it grows. Past max-memory a worker is recycled between calls, which
// costs nobody anything; past max-memory-hard it is killed where it stands,
// before the machine is in trouble. Neither is a wall: what grows faster than
// it is looked at meets the kernel's own limits, which are the operator's.
//
// The clock is one goroutine, and not the deadlines': reading about a process
// that the kernel holds up may take long. Without either key it does not run.
const (
	weighPeriod     = time.Second
	weighPeriodNear = 250 * time.Millisecond // while some worker is near a limit
)

// near says that less than a fifth of limit is left; never of no limit.
func near(held, limit int64) bool { return limit > 0 && held > limit-limit/5 }

// weighFromNowOn starts the goroutine, once there is a limit to hold the
// workers' memory against. Called with mu held.
func (p *Pool) weighFromNowOn() {
	if p.weighing || p.running == nil || p.closed || p.opt.MaxMemory <= 0 && p.opt.MaxMemoryHard <= 0 {
		return
	}
	p.weighing = true
	p.tasks.Go(func() { p.weigh(p.running) })
}

// memoryLimits are the two limits; 0: none.
func (p *Pool) memoryLimits() (soft, hard int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opt.MaxMemory, p.opt.MaxMemoryHard
}

// weigh is the goroutine. It ends with ctx.
func (p *Pool) weigh(ctx context.Context) {
	timer := time.NewTimer(weighPeriod)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.hatched:
			timer.Reset(p.weighAll())
		case <-timer.C:
			timer.Reset(p.weighAll())
		}
	}
}

// weighAll looks once, acts on it, and says when to look again.
func (p *Pool) weighAll() time.Duration {
	soft, hard := p.memoryLimits()
	if soft <= 0 && hard <= 0 {
		return weighPeriod // they were taken away
	}
	doubt := soft
	if soft <= 0 || hard > 0 && hard < soft {
		doubt = hard
	}
	again := weighPeriod
	workers := p.workers()
	for i, held := range supervisor.Weigh(workers, doubt) {
		if near(held.Bytes, soft) || near(held.Bytes, hard) {
			again = weighPeriodNear
		}
		switch {
		case hard > 0 && held.Bytes > hard:
			workers[i].KillOversized(held, hard)
		case soft > 0:
			p.weighedIn(workers[i], held, soft, time.Now())
		}
	}
	return again
}

// workers are all that may hold memory: those on their way, the spares, and the
// members, of which some may be draining.
func (p *Pool) workers() []*supervisor.Worker {
	var all []*supervisor.Worker
	if p.opt.Nursery != nil {
		if w := p.opt.Nursery.Importing(); w != nil {
			all = append(all, w)
		}
	}
	for _, s := range p.slots() {
		if w := s.Starting(); w != nil {
			all = append(all, w)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.all() { // after the others: who becomes ready in between is seen twice, not never
		if !slices.Contains(all, m.worker) {
			all = append(all, m.worker)
		}
	}
	return all
}

// weighedIn recycles w when it has grown too big.
//
// A module may need more at rest than max-memory: then each successor is as big
// as the worker it follows, and recycling at every look would be all that the
// pool does. A worker that was never seen within the limit is therefore
// recycled no sooner than the pool's backoff after the last such one, which
// doubles until one is seen within it; and the operator is told, whose mistake
// it is. It is recycled all the same, as it may be leaking on top.
func (p *Pool) weighedIn(w *supervisor.Worker, held supervisor.Memory, limit int64, now time.Time) {
	p.mu.Lock()
	m := p.memberOf(w)
	if m == nil {
		p.mu.Unlock()
		return
	}
	fresh := m.answered == 0 && !m.busy()
	outgrown := m.outgrown(held.Bytes, limit)
	tell := false
	switch {
	case held.Bytes <= limit:
		m.fits = true
		p.heavy.streak = 0
	case outgrown && m.fits:
		p.retire(m, supervisor.ReasonRecycleMemory)
	case outgrown && !m.retiring && !now.Before(p.heavy.next):
		p.heavy.recycled(now, p.circuit.backoff)
		p.retire(m, supervisor.ReasonRecycleMemory)
		// One may have grown before it was first looked at; not one after the other.
		tell = p.heavy.streak > 1 && p.heavy.tell(now)
	case fresh && !m.fits:
		tell = p.heavy.tell(now)
	}
	p.mu.Unlock()
	if tell {
		p.opt.Hook(supervisor.TooBigAtRest{Identity: w.ID(), Held: held, Limit: limit})
	}
}

// heavy paces the recycling that does not help.
type heavy struct {
	streak int       // recycled in a row without one that was seen within the limit
	next   time.Time // none of them before this
	told   time.Time
}

// tellHeavy is how often an operator is told of it.
const tellHeavy = 10 * time.Minute

func (h *heavy) recycled(now time.Time, b backoff) {
	h.streak++
	h.next = now.Add(b.delay(h.streak, rand.Float64()))
}

func (h *heavy) tell(now time.Time) bool {
	if !h.told.IsZero() && now.Sub(h.told) < tellHeavy {
		return false
	}
	h.told = now
	return true
}

// outgrown says that what m holds between its calls is over the limit. What a
// call that runs has taken it may give back, so a busy worker is too big only
// when it was before too, and has answered a call since. One that has not
// answered any is as big as its successor would be.
func (m *member) outgrown(held, limit int64) bool {
	switch {
	case held <= limit:
		m.big = false
		return false
	case m.answered == 0:
		return false
	case m.onMain+m.onLoop == 0:
		return true
	case m.big:
		return m.answered != m.bigSince
	}
	m.big, m.bigSince = true, m.answered
	return false
}
