package pool

import (
	"fmt"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// pausedRetry is what a refused caller is told to wait: nobody knows when the
// operator resumes, and asking costs little.
const pausedRetry = time.Second

// Pause has the pool take no calls: those that come, and those that wait, are
// refused with pool_unavailable, and those that a worker has go on. The workers
// stay, so that Resume costs nothing.
//
// Rejected: letting calls wait until Resume. Their hosts would meet
// queue-timeout one by one, and not learn that somebody meant it.
func (p *Pool) Pause() error {
	p.mu.Lock()
	if p.draining || p.closed {
		p.mu.Unlock()
		return shuttingDown(p.opt.Name)
	}
	p.paused = true
	left := p.takeWaiting()
	p.unlock()
	failAll(left, pausedNow(p.opt.Name))
	return nil
}

// Resume has it take calls again.
func (p *Pool) Resume() error {
	p.mu.Lock()
	if p.draining || p.closed {
		p.mu.Unlock()
		return shuttingDown(p.opt.Name)
	}
	p.paused = false
	p.unlock()
	return nil
}

func pausedNow(pool string) *rpc.Error {
	return rpc.NewError(rpc.KindPoolUnavailable,
		fmt.Sprintf("pool %s is paused by its operator: nothing was started; try again later", pool),
		rpc.Fields{
			"stage": "paused", "cause": "an operator paused it", "stderr_tail": []string{},
			"next_attempt_ms": pausedRetry.Milliseconds(), "hint": "mochi-pyd resume " + pool,
		})
}
