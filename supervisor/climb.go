package supervisor

import (
	"slices"
	"time"
)

const (
	// dumpWait is how long a condemned worker may take to show its stacks.
	// faulthandler writes them in the signal handler itself, so one that can
	// does it at once; one that is stopped, or sleeps uninterruptibly in the
	// kernel, never does.
	dumpWait = 200 * time.Millisecond
	// dumpQuiet is how long after its last line a dump counts as whole:
	// faulthandler says nothing at its end.
	dumpQuiet = 50 * time.Millisecond
)

// climbed is what ladders stand against: a worker, or a test's.
type climbed interface {
	// look takes a picture of the worker, and says of each call what is on it.
	look() func(id uint64) sight
	// shoot writes the id into the control pipe, without blocking; false says
	// that the pipe is full.
	shoot(id uint64) bool
	// strike has the call skipped if it has not started; false says that this
	// could not be written down.
	strike(id uint64) bool
	// void tells the owner of a call that was struck out in time.
	void(id uint64)
	// kick makes the worker look into the pipe.
	kick()
	// dump asks for the stacks of all threads; false says that there is no way
	// to ask.
	dump() bool
	// spare forgets the dump: the worker lives.
	spare()
	// fell kills the worker for the sake of this ladder's call.
	fell(l *ladder)
}

// climb moves the ladders of one worker, and belongs to one goroutine, the
// worker's run. Calls that are cancelled together share their kicks, and those
// that are condemned together the one dump.
type climb struct {
	on      climbed
	ladders []*ladder
	C       <-chan time.Time // of timer; nil as long as there was no ladder
	timer   *time.Timer

	dumping bool
	limit   time.Time // the dump is not waited for any longer
	until   time.Time // it counts as whole
}

// add puts ladders up and takes their first rung.
func (c *climb) add(ls []*ladder, now time.Time) {
	c.ladders = append(c.ladders, ls...)
	c.tick(now)
}

// tick does what is due.
func (c *climb) tick(now time.Time) {
	c.step(now)
	if c.dumping && !now.Before(c.until) {
		c.conclude()
	}
	c.arm(now)
}

// step takes every rung that is due: first all shots, then the one kick that
// delivers them.
func (c *climb) step(now time.Time) {
	if len(c.ladders) == 0 {
		return
	}
	look := c.on.look()
	kick := false
	for _, l := range c.ladders {
		s := look(l.id)
		if l.voids(now, s) {
			l.void = true
			c.on.void(l.id)
		}
		for do := l.step(now, s); do != actNone; do = l.step(now, s) {
			if do == actCondemn {
				continue
			}
			kick = true
			l.owed = l.owed || do == actShoot
			if l.struck.IsZero() && c.on.strike(l.id) {
				l.struck = time.Now() // not now: that was before it
			}
			if l.owed {
				l.owed = !c.on.shoot(l.id)
			}
		}
	}
	c.ladders = slices.DeleteFunc(c.ladders, func(l *ladder) bool { return l.phase == phaseOver })
	if kick {
		c.on.kick()
	}
	if !c.dumping && c.condemned() != nil {
		c.dumping = true
		c.limit = now
		if c.on.dump() {
			c.limit = now.Add(dumpWait)
		}
		c.until = c.limit
	}
}

// condemned is the first ladder that reached its top.
func (c *climb) condemned() *ladder {
	for _, l := range c.ladders {
		if l.phase == phaseCondemned {
			return l
		}
	}
	return nil
}

// conclude ends the wait for the stacks: with the worker, unless whoever was
// condemned has been answered in the meantime.
func (c *climb) conclude() {
	c.dumping = false
	if l := c.condemned(); l != nil {
		c.ladders = nil // it is the end of all of them
		c.on.fell(l)
		return
	}
	c.on.spare()
}

// heard notes that a line of the dump came.
func (c *climb) heard(now time.Time) {
	if !c.dumping {
		return
	}
	c.until = now.Add(dumpQuiet)
	if c.until.After(c.limit) {
		c.until = c.limit
	}
	c.arm(now)
}

// died is the ladder that the worker died of, if it died of being asked for
// its stacks: whoever has no handler for the signal ends by it.
func (c *climb) died(s WaitStatus) *ladder {
	if !c.dumping || s.Signal == 0 || s.Signal != DumpSignal {
		return nil
	}
	return c.condemned()
}

// arm sets the timer to what is due next.
func (c *climb) arm(now time.Time) {
	var first time.Time
	sooner := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	if c.dumping {
		sooner(c.until)
	}
	for _, l := range c.ladders {
		if at, ok := l.due(); ok {
			sooner(at)
		}
	}
	switch {
	case first.IsZero():
		c.stop()
	case c.timer == nil:
		c.timer = time.NewTimer(first.Sub(now))
		c.C = c.timer.C
	default:
		c.timer.Reset(first.Sub(now))
	}
}

func (c *climb) stop() {
	if c.timer != nil {
		c.timer.Stop()
	}
}
