package pool

import "github.com/mochilang/mochi-pyd/supervisor"

// Kill ends Run at once: what waits is refused, the workers are killed with all
// they started, and the calls they ran fail with worker_lost. It may be called
// at any time, also when Run is already ending politely, and returns before
// Run does.
func (p *Pool) Kill() {
	p.mu.Lock()
	p.draining, p.finishing = true, false // else what the dead give back would wait for a successor
	left, stop := p.takeWaiting(), p.stop
	p.unlock()
	failAll(left, shuttingDown(p.opt.Name))
	if stop == nil {
		return // it has not run, and takes no call any more
	}
	stop()
	for _, s := range p.slots() {
		s.Kill(supervisor.ReasonParent)
	}
}
