package pool

import "context"

// Drain takes no more calls, refuses those that wait, lets those in flight
// end, or ctx, whichever is first; then ends Run and waits for it.
func (p *Pool) Drain(ctx context.Context) error {
	p.mu.Lock()
	p.draining, p.finishing = true, false
	left := p.takeWaiting()
	stop := p.stop
	p.unlock()
	failAll(left, shuttingDown(p.opt.Name))
	if stop == nil {
		return nil // it never ran
	}
	err := p.quiet(ctx)
	stop()
	<-p.done
	return err
}

// Finish ends the pool as Drain does, but lets those calls that wait run too:
// somebody else takes the new ones, and who came before need not know of it.
func (p *Pool) Finish(ctx context.Context) error {
	p.mu.Lock()
	p.finishing = !p.draining // a drain has refused them
	p.draining = true
	stop := p.stop
	p.unlock()
	if stop == nil {
		return nil // it never ran
	}
	err := p.quiet(ctx)
	p.mu.Lock()
	p.finishing = false
	left := p.takeWaiting()
	p.unlock()
	failAll(left, shuttingDown(p.opt.Name))
	stop()
	<-p.done
	return err
}

// quiet waits until no call is in flight, or waits to be.
func (p *Pool) quiet(ctx context.Context) error {
	for {
		p.mu.Lock()
		busy, changed := p.inFlight()+p.waitingCalls(), p.changed
		p.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return nil
		}
	}
}

// ending says that what a worker has not begun will never be.
func (p *Pool) ending() bool { return p.closed || p.draining && !p.finishing }
