package selftest

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// chaos is who does what to the daemon, and the account of it.
type chaos struct {
	subject *subject
	book    *ledger

	mu    sync.Mutex
	kills map[int]int // workers by pid, how often SIGKILL was delivered
	done  map[string]*atomic.Int64
}

// actor does one kind of harm, again and again.
type actor struct {
	name  string
	pause time.Duration // between two acts, on average
	act   func(*chaos, context.Context, *rand.Rand) (done bool)
}

// actors are the faults of faults.md that come from outside the functions; those
// from inside are in the repertoire.
var actors = []actor{
	{"workers killed (SIGKILL)", 120 * time.Millisecond, (*chaos).kill},
	{"workers stopped and continued", 400 * time.Millisecond, (*chaos).freeze},
	{"rolling restarts", 3 * time.Second, func(c *chaos, ctx context.Context, r *rand.Rand) bool { return c.restart(ctx, r, false) }},
	{"hard restarts", 4 * time.Second, func(c *chaos, ctx context.Context, r *rand.Rand) bool { return c.restart(ctx, r, true) }},
	{"reloads", 5 * time.Second, (*chaos).reload},
	{"hosts that hung up on their calls", 150 * time.Millisecond, (*chaos).vanish},
	{"hosts that half-closed and read on", 300 * time.Millisecond, (*chaos).halfClose},
	{"hosts that never read", 2 * time.Second, (*chaos).deaf},
	{"hosts that came and said nothing", 100 * time.Millisecond, (*chaos).storm},
}

// play runs the actor until ctx ends.
func (c *chaos) play(ctx context.Context, a actor, r *rand.Rand) {
	for wait(ctx, r, a.pause) {
		if a.act(c, ctx, r) {
			c.done[a.name].Add(1)
		}
	}
}

// victim is a worker's process, held so that its number cannot come to mean
// another one: it is opened first, and then seen to be the daemon's.
func (c *chaos) victim(ctx context.Context, r *rand.Rand) *os.Process {
	workers, err := c.subject.workers(ctx, false)
	if err != nil || len(workers) == 0 {
		return nil
	}
	w := workers[r.IntN(len(workers))]
	p, err := os.FindProcess(w.PID)
	if err != nil {
		return nil
	}
	if !bornOf(w.PID, c.subject.pid()) {
		_ = p.Release()
		return nil
	}
	return p
}

func (c *chaos) kill(ctx context.Context, r *rand.Rand) bool {
	p := c.victim(ctx, r)
	if p == nil {
		return false
	}
	defer p.Release()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Signal(syscall.SIGKILL) != nil {
		return false
	}
	c.kills[p.Pid]++
	return true
}

// freeze stops a worker for a moment. It is continued whatever happens: one
// that stays stopped is for the deadline's own test.
func (c *chaos) freeze(ctx context.Context, r *rand.Rand) bool {
	p := c.victim(ctx, r)
	if p == nil {
		return false
	}
	defer p.Release()
	if p.Signal(syscall.SIGSTOP) != nil {
		return false
	}
	wait(ctx, r, 80*time.Millisecond)
	_ = p.Signal(syscall.SIGCONT) // it may be dead by now
	return true
}

func (c *chaos) restart(ctx context.Context, r *rand.Rand, hard bool) bool {
	params := map[string]any{"pool": both[r.IntN(len(both))], "hard": hard}
	return c.subject.ask(ctx, "mochi.restart", params, nil) == nil
}

// reload asks for the code to be loaded anew. A daemon that does not offer it
// refuses, and that is an answer too.
func (c *chaos) reload(ctx context.Context, r *rand.Rand) bool {
	return c.subject.ask(ctx, "mochi.reload", map[string]any{"pool": both[r.IntN(len(both))]}, nil) == nil
}

// guest connects a host that is not there to stay.
func (c *chaos) guest(name string, window int, r *rand.Rand, functions []share) *host {
	h, err := connect(c.subject.socket, name, window, c.book, r, functions)
	if err != nil {
		c.book.blame(promiseStays, "%v", err)
		return nil
	}
	return h
}

// vanish makes calls and hangs up on them.
func (c *chaos) vanish(ctx context.Context, r *rand.Rand) bool {
	h := c.guest("vanisher", 1, r, decent)
	if h == nil {
		return false
	}
	defer h.conn.Close()
	if h.several(ctx, 1+r.IntN(50), left) != nil {
		return false // cut while it wrote: that is for the hosts that stay to notice
	}
	wait(ctx, r, 10*time.Millisecond)
	return true
}

// halfClose makes calls, says that there will be no more, and reads to the end.
func (c *chaos) halfClose(ctx context.Context, r *rand.Rand) bool {
	const most = 40
	h := c.guest("half-closer", most, r, decent)
	if h == nil {
		return false
	}
	go h.listen()
	if err := h.several(ctx, 1+r.IntN(most), asked); err != nil {
		c.book.blame(promiseStays, "%v", err)
	}
	h.mu.Lock()
	h.finished = true
	h.mu.Unlock()
	if err := h.conn.CloseWrite(); err != nil {
		c.book.blame(promiseStays, "%s: half-close: %v", h.name, err)
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	h.settle(limit)
	h.finish(limit)
	return true
}

// deaf asks for more than a socket's buffers hold and reads none of it: it is to
// be cut, and nobody else is to notice.
func (c *chaos) deaf(ctx context.Context, r *rand.Rand) bool {
	h := c.guest("deaf", 1, r, bulky)
	if h == nil {
		return false
	}
	defer h.conn.Close()
	for range 100 {
		if h.several(ctx, 1, left) != nil || !wait(ctx, r, 20*time.Millisecond) {
			break
		}
	}
	return true
}

// storm is connections that are opened and closed.
func (c *chaos) storm(_ context.Context, r *rand.Rand) bool {
	for range 1 + r.IntN(20) {
		if h := c.guest("passer-by", 1, r, decent); h != nil {
			h.conn.Close()
		}
	}
	return true
}

// asksFor says whether the chaos asks for such a planned end.
func asksFor(reason string) bool {
	switch reason {
	case "restart", "reload", "deadline", "cancel", "recycle.requests", "parent":
		return true
	}
	return false
}

// killed says whether a SIGKILL of ours met the process.
func (c *chaos) killed(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kills[pid] > 0
}

// seeds gives each participant choices of its own, in the order they ask.
type seeds func() *rand.Rand

func newSeeds(seed uint64) seeds {
	var next uint64
	var mu sync.Mutex
	return func() *rand.Rand {
		mu.Lock()
		defer mu.Unlock()
		next++
		return rand.New(rand.NewPCG(seed, next)) //nolint:gosec // repeatable is the point
	}
}
