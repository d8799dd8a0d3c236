package pool

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// Pool serves the calls of one module. Make one with New, start it with Run,
// give it calls with Submit.
type Pool struct {
	opt Options

	configuring sync.Mutex // one Configure at a time; taken before mu

	mu        sync.Mutex
	rooms     []*room // by slot number; nil: free
	opened    int     // slots that are wanted
	hasty     []*haste
	members   []*member // the ready workers that serve
	spares    []*member // those that are held back
	reserve   reserve
	functions functions
	waiting   [needs]queue
	circuit   circuit
	info      supervisor.ReadyInfo // of the worker that became ready last
	failures  int                  // starts that failed, ever
	everReady bool
	paused    bool
	draining  bool // no call is taken any more
	finishing bool // draining, and what waits is run
	closed    bool
	turn      uint64
	first     int // the place that next asks first
	tally     tally
	affinity  affinity
	seats     seats  // of the ready workers, at least
	leases    leases // calls on handles
	heavy     heavy
	weighing  bool          // the goroutine of memory.go runs
	lookAt    time.Time     // when expire looks next, at the latest; zero: nothing can expire
	look      chan struct{} // lookAt became earlier
	watching  bool          // rescue is to look at the pipes
	piped     chan struct{} // watching became true
	hatched   chan struct{} // there is a worker that has not been weighed
	status    Status        // as last told to Watch
	changed   chan struct{} // closed and replaced when something a waiter may wait for happened

	tasks sync.WaitGroup // the slots, and what waits for one of them

	running context.Context    // Run's; nil before it
	stop    context.CancelFunc // ends Run; set by it
	done    chan struct{}      // closed when Run has returned
}

// New makes a pool; nothing runs before Run.
func New(opt Options) (*Pool, error) {
	if err := opt.setDefaults(); err != nil {
		return nil, err
	}
	p := &Pool{
		opt:       opt,
		functions: newFunctions(opt.Kinds),
		waiting:   [needs]queue{newQueue(), newQueue(), newQueue()},
		circuit: circuit{
			backoff: backoff{min: opt.BackoffMin, max: opt.BackoffMax},
			budget:  budget{limit: opt.RestartLimit, window: opt.RestartWindow},
		},
		tally:    newTally(time.Now()),
		seats:    seats{opt.Depth, opt.Concurrency},
		status:   Opening,
		rooms:    make([]*room, opt.MaxWorkers+opt.Spare),
		changed:  make(chan struct{}),
		look:     make(chan struct{}, 1),
		piped:    make(chan struct{}, 1),
		hatched:  make(chan struct{}, 1),
		affinity: newAffinity(),
		leases:   leases{},
		done:     make(chan struct{}),
	}
	return p, nil
}

// Run keeps the slots filled until ctx ends or Drain has finished. When it
// returns, no worker, goroutine or waiting call of the pool is left.
func (p *Pool) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p.mu.Lock()
	if p.stop != nil || p.closed {
		p.mu.Unlock()
		return errors.New("pool " + p.opt.Name + ": Run was called twice: a pool lives once, make a new one")
	}
	p.running, p.stop = ctx, stop
	for range p.opt.Workers {
		p.open(false)
	}
	for range p.opt.Spare {
		p.open(true)
	}
	p.weighFromNowOn()
	p.mu.Unlock()
	defer close(p.done)
	p.tasks.Go(func() { p.expire(ctx) })
	p.tasks.Go(func() { p.rescue(ctx) })
	<-ctx.Done()
	p.close()
	p.tasks.Wait()
	if p.opt.Nursery != nil {
		p.opt.Nursery.Close()
	}
	return nil
}

// close refuses what waits and all that comes.
func (p *Pool) close() {
	p.mu.Lock()
	p.closed = true
	left := p.takeWaiting()
	p.unlock()
	failAll(left, shuttingDown(p.opt.Name))
}

// Submit takes a call and sees to it that it is answered; it never blocks. It
// sends the call to a worker on the caller's goroutine when a seat is free.
func (p *Pool) Submit(c *rpc.Call) {
	b := c.Burst()
	if bad := c.Check(p.opt.MaxMessage); bad != nil {
		c.FailIn(b, bad)
		return
	}
	if cause := c.HeldBy(p); cause != nil {
		c.FailIn(b, p.unstarted(c, cause))
		return
	}
	p.mu.Lock()
	if refusal := p.refusal(); refusal != nil {
		p.mu.Unlock()
		c.FailIn(b, refusal)
		return
	}
	if c.Holder != nil {
		p.submitHeld(c, b)
		return
	}
	p.limit(c)
	f := p.functions.of(c.Function)
	if p.queueOf(c, f).size == 0 { // nobody is before c
		if pl := p.place(c, f, b.Now()); pl.member != nil {
			p.mu.Unlock()
			p.send(pl, b)
			return
		}
	}
	loser, why := p.enqueue(c)
	p.mu.Unlock()
	if loser != nil {
		loser.FailIn(b, why)
	}
}

// origin is the connection a call came by, for the queue's turns; all calls
// made in this process share one.
func origin(c *rpc.Call) uint64 {
	if c.Conn == nil {
		return 0
	}
	return c.Conn.Number
}

// refusal is why no call is taken now; nil when one is. Called with mu held.
func (p *Pool) refusal() *rpc.Error {
	if p.draining || p.closed {
		return shuttingDown(p.opt.Name)
	}
	return p.dismissal()
}

// dismissal is why what waits is refused now; nil when it may wait. Called with mu
// held.
func (p *Pool) dismissal() *rpc.Error {
	if p.ending() {
		return shuttingDown(p.opt.Name)
	}
	if p.paused {
		return pausedNow(p.opt.Name)
	}
	if p.circuit.cause == nil || len(p.members) > 0 {
		return nil
	}
	return p.circuit.refusal(p.opt.Name, len(p.members), time.Now())
}

// enqueue lets c wait. When the queue is full someone loses: the newest call
// of the greediest connection, or c. Called with mu held.
func (p *Pool) enqueue(c *rpc.Call) (loser *rpc.Call, why *rpc.Error) {
	// A cancel that came after HeldBy found c in no queue; it is seen here.
	if cause := c.Cancelled(); cause != nil {
		return c, p.unstarted(c, cause)
	}
	if why := p.reentry(c); why != nil {
		return c, why
	}
	if n := p.waitingCalls(); n >= p.opt.MaxQueue {
		why = overloaded(p.opt.Name, n, p.opt.MaxQueue, p.tally.drainTime(n, len(p.members)))
		if loser = p.evictFor(origin(c)); loser == nil {
			return c, why
		}
	}
	p.expireAt(p.queueLimit(c))
	if c.Holder != nil {
		return loser, why // submitHeld lets it wait
	}
	p.queueOf(c, p.functions.of(c.Function)).push(origin(c), c)
	p.grow()
	return loser, why
}

// requeue gives back a call that never started, to the head of the queue; or
// says why it may not wait again. Called with mu held.
func (p *Pool) requeue(c *rpc.Call) (refused *rpc.Error) {
	defer func() {
		if refused != nil {
			p.returned(c) // it holds up nobody on its handle
		}
	}()
	if p.ending() {
		return shuttingDown(p.opt.Name)
	}
	if cause := c.Cancelled(); cause != nil {
		return p.unstarted(c, cause)
	}
	if c.Holder == nil {
		p.queueOf(c, p.functions.of(c.Function)).pushFront(origin(c), c)
	} else if !p.waitHeld(c, true) {
		return staleRef(c)
	}
	p.expireAt(p.queueLimit(c))
	p.expireAt(c.Deadline) // while it was on its way nobody looked after it
	return nil
}

// Wait blocks until a worker is ready, or a start has failed, whose error it
// gives.
func (p *Pool) Wait(ctx context.Context) (supervisor.ReadyInfo, error) {
	failures := -1
	for {
		p.mu.Lock()
		if failures < 0 {
			failures = p.failures
		}
		info, ready := p.info, len(p.members) > 0
		var failed *rpc.Error
		if refusal := p.refusal(); refusal != nil {
			failed = refusal
		} else if p.failures > failures && p.circuit.cause != nil {
			failed = unavailable(p.opt.Name, p.circuit.cause, p.circuit.broken, time.Until(p.circuit.next))
		}
		changed := p.changed
		p.mu.Unlock()
		switch {
		case ready:
			return info, nil
		case failed != nil:
			return info, failed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return info, ctx.Err()
		}
	}
}

// Ask calls one of the runtime's own methods ("mochi.describe") on a ready
// worker, for which it waits. A worker that dies of something else meanwhile is
// no news for who asks: the next one is asked, as often as a call may be
// requeued.
func (p *Pool) Ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	for tries := 0; ; tries++ {
		w, err := p.askable(ctx)
		if err != nil {
			return nil, err
		}
		answer, err := w.Ask(ctx, method, params)
		p.mu.Lock()
		most := p.opt.MaxRequeues
		p.mu.Unlock()
		switch kind := rpc.AsError(err).Kind(); {
		case kind != rpc.KindWorkerLost && kind != rpc.KindPoolUnavailable, tries >= most:
			return answer, err
		}
	}
}

// askable waits for a worker that answers questions: the one that gets to them
// first.
func (p *Pool) askable(ctx context.Context) (*supervisor.Worker, error) {
	for {
		if _, err := p.Wait(ctx); err != nil {
			return nil, err
		}
		p.mu.Lock()
		var w *supervisor.Worker
		least := 0
		for _, m := range p.members {
			if m.worker.State() == supervisor.Ready && (w == nil || m.onMain < least) {
				w, least = m.worker, m.onMain
			}
		}
		ending, changed := p.draining || p.closed, p.changed
		p.mu.Unlock()
		switch {
		case w != nil:
			return w, nil
		case ending:
			return nil, shuttingDown(p.opt.Name)
		}
		select { // those there are, are about to be gone
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (p *Pool) inFlight() (n int) {
	for _, m := range p.members {
		n += m.onMain + m.onLoop
	}
	return n
}

func (p *Pool) waitingCalls() (n int) {
	for _, q := range p.queues() {
		n += q.size
	}
	return n
}

func (p *Pool) takeWaiting() (left []*rpc.Call) {
	for _, q := range p.queues() {
		left = append(left, q.takeAll()...)
	}
	return left
}

func failAll(calls []*rpc.Call, why *rpc.Error) {
	for _, c := range calls {
		c.Fail(why)
	}
}

// unlock ends a change that waiters or watchers may care about.
func (p *Pool) unlock() {
	close(p.changed)
	p.changed = make(chan struct{})
	event := StatusChanged{Pool: p.opt.Name, From: p.status, To: p.statusNow()}
	if p.circuit.cause != nil {
		event.Cause = p.circuit.cause
	}
	p.status = event.To
	p.mu.Unlock()
	if event.From != event.To {
		p.opt.Watch(event)
	}
}
