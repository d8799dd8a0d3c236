package daemon

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
)

// tidyInterval is how often idle pools are looked for.
const tidyInterval = time.Second

// served is one pool and what the daemon knows of it.
type served struct {
	number int // never another pool's: handles are found by it
	said   atomic.Pointer[config.Pool]
	pool   *pool.Pool
	used   instant                                // when the last call came
	told   func(*rpc.Call, time.Time, *rpc.Error) // hears of each answer
	cancel context.CancelFunc
	ended  chan struct{} // closed when the pool's Run has returned

	reloading atomic.Int32 // reloads under way, which tell of their failure themselves
	late      atomic.Bool  // it was told that it did not drain in time

	scaling sync.Mutex // one change of the number of workers at a time

	gate   sync.RWMutex // held while a call is submitted, so that none slips into a pool that is being forgotten
	closed bool
}

// settings are the pool's. Its name stays the same, and whether it is declared;
// the rest may be reloaded.
func (s *served) settings() *config.Pool { return s.said.Load() }

// submit gives the call to the pool; false when the pool has been forgotten.
func (s *served) submit(c *rpc.Call) bool {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return false
	}
	s.used.set(c.Arrived)
	c.Told = s.told
	s.pool.Submit(c)
	return true
}

// touch keeps the pool from being forgotten; false when it has been.
func (s *served) touch() bool {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if !s.closed {
		s.used.set(time.Now())
	}
	return !s.closed
}

// gone says that the pool has been forgotten.
func (s *served) gone() bool {
	s.gate.RLock()
	defer s.gate.RUnlock()
	return s.closed
}

// shut lets no more calls in, if so; nil is always so. It is asked when no call
// can come in between.
func (s *served) shut(so func() bool) bool {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.closed = s.closed || so == nil || so()
	return s.closed
}

// routes is an immutable picture of the pools; readers take it whole.
type routes struct {
	declared map[string]*served // by name and by alias
	imported map[string]*served // by module
	all      []*served
}

// registry keeps the pools. Finding one takes no lock.
type registry struct {
	d      *Daemon
	now    atomic.Pointer[routes]
	mu     sync.Mutex // one change at a time
	closed bool
	last   int // number given to a pool
	// apart are the pools that live though no route leads to them: those that
	// end, and those that are to take another's place. A drain is theirs, too.
	apart map[*served]struct{}
}

func newRegistry(d *Daemon) *registry {
	r := &registry{d: d, apart: map[*served]struct{}{}}
	r.now.Store(&routes{})
	return r
}

// change makes a new picture out of the current one. Called with mu held.
func (r *registry) change(edit func(*routes)) {
	old := r.now.Load()
	next := &routes{declared: maps.Clone(old.declared), imported: maps.Clone(old.imported), all: slices.Clone(old.all)}
	if next.declared == nil {
		next.declared = map[string]*served{}
	}
	if next.imported == nil {
		next.imported = map[string]*served{}
	}
	edit(next)
	r.now.Store(next)
	select {
	case r.d.routed <- struct{}{}:
	default: // whoever looks has not looked yet
	}
}

// openDeclared starts the pools of the configuration.
func (r *registry) openDeclared() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, settings := range r.d.config().Pools() {
		s, err := r.start(settings)
		if err != nil {
			return err
		}
		r.change(func(n *routes) {
			n.declare(s)
			n.all = append(n.all, s)
		})
	}
	return nil
}

// obtain gives the pool of a module that nobody declared, and makes it when it
// is not there. That the policy allows it has been checked.
func (r *registry) obtain(module string) (*served, *rpc.Error) {
	if s := r.now.Load().imported[module]; s != nil {
		return s, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now.Load()
	if s := now.declared[module]; s != nil {
		return s, nil // since whoever asks has looked
	}
	if s := now.imported[module]; s != nil {
		return s, nil
	}
	if r.closed {
		return nil, errDraining
	}
	if len(now.all) >= r.d.settings().MaxPools && !r.evict() {
		return nil, rpc.NewError(rpc.KindOverloaded,
			fmt.Sprintf("module %s cannot be imported: there are %d pools, which is max-pools; raise it, or wait until one is idle", module, len(now.all)),
			rpc.Fields{"retry_after_ms": r.d.settings().ForgetAfter.Milliseconds(), "queue": 0})
	}
	s, err := r.start(r.d.config().OnDemand(module))
	if err != nil {
		return nil, rpc.AsError(err)
	}
	r.change(func(n *routes) {
		n.imported[module] = s
		n.all = append(n.all, s)
	})
	return s, nil
}

// start makes a pool and lets it run. Called with mu held.
func (r *registry) start(settings config.Pool) (*served, error) {
	r.last++
	p, err := r.d.newPool(settings, r.last)
	if err != nil {
		return nil, fmt.Errorf("pool %s: %w", settings.Name, err)
	}
	s := &served{number: r.last, pool: p, ended: make(chan struct{})}
	s.said.Store(&settings)
	s.used.set(time.Now())
	s.told = r.d.hears(settings.Name, r.d.meters.Open(settings.Name))
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(r.d.hard)
	unhurried := context.AfterFunc(r.d.hard, p.Kill) // a context alone ends a pool politely
	go func() {
		defer close(s.ended)
		defer s.cancel()
		defer unhurried()
		if err := p.Run(ctx); err != nil {
			r.d.log.Error("a pool ended", "event", "pool_failed", "pool", settings.Name, "reason", err.Error())
		}
	}()
	return s, nil
}

// evict forgets the failed import that has been idle longest, so that a host
// that asks for missing modules cannot use up max-pools. Called with mu held.
func (r *registry) evict() bool {
	var worst *served
	for _, s := range r.now.Load().imported {
		if st := s.pool.Stat(); failed(st) && st.Queue == 0 && (worst == nil || s.used.earlier(&worst.used)) {
			worst = s
		}
	}
	if worst == nil {
		return false
	}
	worst.shut(nil)
	r.forget(worst)
	return true
}

func failed(st pool.Stat) bool { return st.Ready == 0 && st.Cause != nil }

// forget takes a pool that is shut out of the routes and ends it. Called with
// mu held.
func (r *registry) forget(s *served) {
	r.change(func(n *routes) { n.drop(s) })
	r.d.meters.Forget(s.settings().Name)
	r.apart[s] = struct{}{}
	r.d.work.Go(func() {
		r.end(r.d.hard, s)
		r.buried(s)
	})
}

// end drains one pool and waits until nothing of it is alive.
func (r *registry) end(ctx context.Context, s *served) {
	ctx, cancel := context.WithTimeout(ctx, s.settings().GracefulTimeout)
	defer cancel()
	if err := s.pool.Drain(ctx); err != nil {
		r.overdue(s, err)
	}
	s.cancel()
	<-s.ended
}

// overdue tells once of a pool that is not empty in time: one that has lost its
// place is ended by the drain, too.
func (r *registry) overdue(s *served, err error) {
	if !s.late.Swap(true) {
		r.d.log.Warn("a pool did not drain in time", "event", "drain_timeout", "pool", s.settings().Name, "reason", err.Error())
	}
}

// tidy forgets pools imported on demand that nobody uses: after idle-timeout,
// or sooner those whose import failed, so that what was mended is tried afresh.
// Until then a failed one stays, for its backoff is what bounds the spawns that
// a host can cause by asking again and again.
func (r *registry) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.tidyAt(now)
		}
	}
}

func (r *registry) tidyAt(now time.Time) {
	for _, s := range r.now.Load().imported {
		if _, idle := r.idle(s, now); idle {
			r.forgetIdle(s, now)
		}
	}
}

// idle says whether nobody has used s for so long that it may be forgotten.
func (r *registry) idle(s *served, now time.Time) (since time.Duration, idle bool) {
	limit := s.settings().IdleTimeout
	since = s.used.before(now)
	if since < min(limit, r.d.settings().ForgetAfter) && limit > 0 {
		return since, false // and its statistics are not worth taking
	}
	st := s.pool.Stat()
	if failed(st) {
		limit = r.d.settings().ForgetAfter
	}
	if st.Handles > 0 && limit > 0 {
		limit += s.settings().GracefulTimeout // its objects are in use, for a while yet
	}
	return since, limit > 0 && since >= limit && st.Busy == 0 && st.Queue == 0 && st.Status != pool.Paused
}

// forgetIdle looks again with the lock held, without which all that was seen
// may have changed: a call may have come, or the pool may have been forgotten
// and another one made in its place, whose route is not ours to delete.
func (r *registry) forgetIdle(s *served, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.now.Load().imported[s.settings().Name] != s {
		return
	}
	var since time.Duration
	if !s.shut(func() (idle bool) { since, idle = r.idle(s, now); return idle }) {
		return
	}
	r.d.log.Info("an idle pool is closed", "event", "pool_idle", "pool", s.settings().Name, "duration_ms", since.Milliseconds())
	r.forget(s)
}

// settle waits until each declared pool is ready or known broken.
func (r *registry) settle(ctx context.Context) {
	for _, s := range r.now.Load().all {
		_, _ = s.pool.Wait(ctx) // summary says which are broken
	}
}

// living are the pools that routes lead to, and those apart.
func (r *registry) living() []*served {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.AppendSeq(slices.Clone(r.now.Load().all), maps.Keys(r.apart))
}

// drain ends every pool, each within its own graceful-timeout.
func (r *registry) drain(ctx context.Context) {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	var ending sync.WaitGroup
	for _, s := range r.living() {
		ending.Go(func() { r.end(ctx, s) })
	}
	ending.Wait()
}

var errDraining = rpc.Errorf(rpc.KindShuttingDown, "the daemon is shutting down and takes no new calls: try again when it is back")

// named finds a pool by the name operators use: its own, or its alias.
func (r *registry) named(name string) *served {
	now := r.now.Load()
	if s := now.declared[name]; s != nil {
		return s
	}
	return now.imported[name]
}
