package pool

import (
	"fmt"
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// MaxScale is how many workers a pool can be given while it runs: as many as its
// configuration could.
const MaxScale = 1024

// Resize makes it a pool of so many workers from now on, and says how many it
// was one of. Where there are more, the surplus takes no new calls, finishes
// those it has, within GracefulTimeout, and ends; handles on its objects end
// with it. An elastic pool keeps its upper bound, and grows again when calls
// wait.
//
// Spare workers are not counted: they are no part of what serves.
func (p *Pool) Resize(workers int) (was int, err error) {
	if workers < 1 || workers > MaxScale {
		return 0, rpc.NewError(rpc.KindInvalidParams,
			fmt.Sprintf("pool %s cannot have %d workers: it takes 1 to %d (to have it take no calls, pause it)", p.opt.Name, workers, MaxScale),
			rpc.Fields{"argument": "workers"})
	}
	p.mu.Lock()
	if p.running == nil || p.draining || p.closed {
		p.mu.Unlock()
		return 0, shuttingDown(p.opt.Name)
	}
	was = p.opt.Workers
	elastic := p.opt.MaxWorkers > p.opt.Workers
	p.opt.Workers = workers
	if !elastic || p.opt.MaxWorkers < workers {
		p.opt.MaxWorkers = workers
	}
	for p.opened < workers {
		if !slices.Contains(p.rooms, nil) {
			p.rooms = append(p.rooms, nil) // those that end keep their numbers until they have
		}
		p.open(false)
	}
	var leaving []*departure
	for p.opened > workers {
		d := p.choose()
		if d == nil {
			break
		}
		d.room.leaving = true
		p.opened--
		leaving = append(leaving, d)
		grace := p.opt.GracefulTimeout // of now: it may be changed meanwhile
		p.tasks.Go(func() { p.depart(d, grace) })
	}
	p.fill()
	p.unlock()
	for _, d := range leaving {
		for _, w := range d.workers {
			w.Drain() // not under our lock: it tells its Hook
		}
	}
	p.dispatch(nil)
	return was, nil
}

// departure is a slot that is to end, and the workers that have calls in it: none,
// one, or, while one is being replaced, two.
type departure struct {
	room    *room
	workers []*supervisor.Worker
}

// choose is the slot that is missed least: one without a worker, else an idle
// one, else the one with the highest number, so that those that stay are 0 and
// up. Called with mu held.
func (p *Pool) choose() *departure {
	var best *departure
	least := 0
	for number, r := range slices.Backward(p.rooms) {
		if r == nil || r.spare || r.leaving {
			continue
		}
		d, load := &departure{room: r}, 0
		for _, m := range p.members {
			if m.slot == number {
				d.workers = append(d.workers, m.worker)
				load += m.onMain + m.onLoop + m.pinned.size
			}
		}
		if len(d.workers) == 0 {
			return d
		}
		if best == nil || load == 0 && least > 0 {
			best, least = d, load
		}
	}
	return best
}

// depart ends a slot whose worker takes no more calls, when it has finished
// those it has. A worker that dies meanwhile needs no successor.
func (p *Pool) depart(d *departure, graceful time.Duration) {
	grace := time.NewTimer(graceful)
	defer grace.Stop()
	for _, w := range d.workers {
		select {
		case <-w.Idle():
		case <-w.Done():
		case <-grace.C:
			grace.Reset(0) // it is over for the next one, too
		case <-p.context().Done():
		}
	}
	d.room.stop(supervisor.Ending{Reason: supervisor.ReasonScale})
}
