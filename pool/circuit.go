package pool

import (
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// circuit is a pool's crash policy: when a slot may spawn, and when callers
// are told not to wait. It is a value without locks, clocks or goroutines;
// gate.go gives it those.
//
// Start failures belong to the pool and not to a slot: until one worker has
// been ready since the last failure, one start at a time is let through (the
// canary, later the probe), so the number of spawns does not grow with the
// number of slots.
//
// Only early deaths count: before ready, or ready without one answer. A worker
// that became ready after the last of them and answers proves the code; one
// that is older proves nothing about the code that fails now.
//
// An early death by a signal from outside does not count: it spends no budget
// and refuses nobody. It is paced all the same, from the second in a row on,
// or whatever kills workers as they come up would decide how often we spawn.
type circuit struct {
	backoff backoff
	budget  budget

	proven   bool      // some worker became ready since the last failed start
	starting int       // starts that were let through and have not ended
	streak   int       // early deaths in a row that count
	unlucky  int       // early deaths in a row that do not
	troubles uint64    // early deaths that count, ever
	next     time.Time // no start before this
	broken   bool
	cause    *supervisor.Exit // the last early death; nil when healthy
}

// mayStart says whether a start is let through now; if not, wait is how long
// to wait before asking again, 0 meaning until something changes.
func (c *circuit) mayStart(now time.Time) (ok bool, wait time.Duration) {
	if !c.proven && c.starting > 0 {
		return false, 0
	}
	if d := c.next.Sub(now); d > 0 {
		return false, d
	}
	return true, 0
}

// started: a start was let through.
func (c *circuit) started() { c.starting++ }

// ready: a start ended with a ready worker. The streak stays until it answers:
// a module that imports and dies at its first call must not spawn for ever.
func (c *circuit) ready() {
	c.starting--
	c.proven = true
	c.broken = false
}

// held: the worker that became ready is held back. Its first answer may be far
// away, and what a failed start has closed, growing, must not wait for it. The
// streak does.
func (c *circuit) held() {
	if c.cause != nil && !c.cause.WasReady {
		c.cause = nil
	}
}

// abandoned: a start ended because nobody wants it any more.
func (c *circuit) abandoned() { c.starting-- }

// answered: a worker answered a call; born is what troubles was when it became
// ready. If nothing has gone wrong since, the module works.
func (c *circuit) answered(born uint64) {
	c.unlucky = 0
	if born == c.troubles {
		c.streak = 0
		c.cause = nil
	}
}

// failed: a start ended without a ready worker.
func (c *circuit) failed(e *supervisor.Exit, now time.Time) {
	c.starting--
	if fromOutside(e) {
		c.bad(now)
		return
	}
	c.proven = false
	c.early(e, now, c.streak+1)
}

// bad luck: an early death that says nothing of the module.
func (c *circuit) bad(now time.Time) {
	c.delay(now, c.unlucky)
	c.unlucky++
}

// died: a worker that had been ready is gone.
func (c *circuit) died(e *supervisor.Exit, now time.Time) {
	switch {
	case e.Answered > 0 || e.Reason.Planned():
	case fromOutside(e):
		c.bad(now)
	default:
		// The first is replaced at once: it may have been bad luck.
		c.early(e, now, c.streak)
	}
}

func (c *circuit) early(e *supervisor.Exit, now time.Time, delays int) {
	c.streak++
	c.troubles++
	c.cause = e
	c.delay(now, delays)
	if !c.budget.spend(now) {
		c.broken = true
		c.proven = false
	}
}

// delay puts the next start off, by the length of a streak; not at all for 0.
func (c *circuit) delay(now time.Time, streak int) {
	if streak > 0 {
		c.next = now.Add(c.backoff.delay(streak, rand.Float64()))
	}
}

// hurry lets the next start through at once.
func (c *circuit) hurry() { c.next = time.Time{} }

// refusal is what a caller is told instead of waiting, or nil: the pool is
// broken, or nothing of it lives and the last start failed, and the next
// attempt is not under way.
func (c *circuit) refusal(pool string, alive int, now time.Time) *rpc.Error {
	if c.cause == nil || alive > 0 {
		return nil
	}
	if !c.broken && (c.cause.WasReady || c.starting > 0 || !now.Before(c.next)) {
		return nil
	}
	if c.broken && c.starting > 0 && !c.cause.WasReady {
		return nil // the probe's outcome is near and says more than we do
	}
	return unavailable(pool, c.cause, c.broken, c.next.Sub(now))
}

// fromOutside says that a signal ended the worker that neither we sent nor its
// own code usually raises: somebody killed it, which says nothing about the
// module. A start that we cut short says so in Detail.
func fromOutside(e *supervisor.Exit) bool {
	switch e.Reason {
	case supervisor.ReasonSignal:
	case supervisor.ReasonStartInterp, supervisor.ReasonStartImport, supervisor.ReasonStartReady:
		if e.Detail != "" {
			return false
		}
	default:
		return false
	}
	switch e.Status.Signal {
	case 0:
		return false
	case syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGABRT, syscall.SIGTRAP, syscall.SIGSYS:
		return false
	}
	return true
}
