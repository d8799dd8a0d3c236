package pool

import (
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// A spare is a ready worker that is held back: a death, or a call that makes an
// elastic pool grow, then costs no start. Its slot is a slot like any other,
// which is why the supervisor knows nothing of spares; what is different is
// only that the room is marked as one, and its worker is no member, so nothing
// that counts or places by members sees it. When a room that serves is left
// without a worker, the two rooms change roles: the spare serves at once, and
// the successor of the dead one is the next spare.
//
// Rejected: a worker that changes its slot. Its number is in events, metrics
// and errors, and would then mean two places.

// fill has spares serve where nobody does. It says whether one began to.
// Called with mu held.
func (p *Pool) fill() (promoted bool) {
	if p.ending() || len(p.spares) == 0 {
		return false
	}
	for number, r := range p.rooms {
		if r == nil || r.spare || r.leaving || p.staffed(number) {
			continue
		}
		i := slices.IndexFunc(p.spares, func(m *member) bool {
			return m.accepting() && !p.rooms[m.slot].leaving // or it is about to be told to end
		})
		if i < 0 {
			break
		}
		m := p.spares[i]
		p.spares = slices.Delete(p.spares, i, i+1)
		p.change(m, r)
		m.idleSince = time.Now()
		p.members = append(p.members, m)
		p.watchIdle(m)
		p.reserve.rest(m.idleSince)
		promoted = true
	}
	return promoted
}

// change has m, a spare, serve in r's stead. r may be m's own room: the worker
// that m follows there was promoted before it drained. Such a room goes on
// serving. Called with mu held.
func (p *Pool) change(m *member, r *room) {
	r.spare = true
	p.rooms[m.slot].spare = false
}

// staffed says that the slot of this number has a worker that takes calls.
func (p *Pool) staffed(number int) bool {
	return slices.ContainsFunc(p.members, func(m *member) bool {
		return m.slot == number && !m.closed && m.worker.State() == supervisor.Ready
	})
}

// isSpare says that the slot of this number is held back. Called with mu held.
func (p *Pool) isSpare(number int) bool {
	return number < len(p.rooms) && p.rooms[number] != nil && p.rooms[number].spare
}

// removeSpare forgets w, which is dead, and says whether it was a spare.
func (p *Pool) removeSpare(w *supervisor.Worker) bool {
	before := len(p.spares)
	p.spares = slices.DeleteFunc(p.spares, func(m *member) bool { return m.worker == w })
	return len(p.spares) < before
}

// all are the members and the spares: everyone who ages and weighs.
func (p *Pool) all() []*member { return slices.Concat(p.members, p.spares) }

// reserve paces the starts of spares. They come after everyone else's: one at
// a time, and while no other start is under way. The death of a spare by itself
// says nothing of the calls, so it does not count against the pool; but a
// module whose idle workers die must not be spawned for ever, so from the
// second death in a row on the next spare waits.
type reserve struct {
	deaths int
	next   time.Time // no spare is started before this
}

// mayStart says whether a spare may be started now, like circuit.mayStart.
func (r *reserve) mayStart(starting int, now time.Time) (ok bool, wait time.Duration) {
	if starting > 0 {
		return false, 0
	}
	if d := r.next.Sub(now); d > 0 {
		return false, d
	}
	return true, 0
}

// spareRest is how long the next spare leaves the cores to the one that has just
// begun to serve: an interpreter's start beside it cost the first answer 0.4 ms.
const spareRest = 10 * time.Millisecond

// rest puts the next start off for a moment.
func (r *reserve) rest(now time.Time) {
	if at := now.Add(spareRest); at.After(r.next) {
		r.next = at
	}
}

// died notes a death. A spare that lasted longer than the longest wait begins
// a new row.
func (r *reserve) died(e *supervisor.Exit, b backoff, random float64, now time.Time) {
	if e.Reason.Planned() {
		return
	}
	if e.Uptime > b.max {
		r.deaths = 0
	}
	if r.deaths > 0 {
		r.next = now.Add(b.delay(r.deaths, random))
	}
	r.deaths++
}
