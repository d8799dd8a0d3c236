package supervisor

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// burialRounds bounds how often a burial looks again: each round's dead
	// hand their own children to us.
	burialRounds = 16
	// burialPatience is how long each round of a burial waits for those it has
	// killed. One that sleeps uninterruptibly in the kernel is left to
	// a later burial.
	burialPatience = 250 * time.Millisecond
	// unknownAge is how old an unclaimed zombie must be before it is taken for
	// a worker's: whoever started a process of its own waits for it sooner.
	unknownAge = 10 * time.Second
)

// graves buries what workers leave behind. As the daemon is a subreaper, every
// orphan of a worker becomes its child, also one that left the worker's group
// and session by the book (fork, setsid, fork).
//
// It reaps by number only. wait4(-1) would be three lines, and would steal the
// status of every process that os/exec waits for.
type graves struct {
	mu     sync.Mutex
	living map[string]int // the marks of the workers that live, and their numbers; 0: not known yet

	// burial is held by who looks, kills and reaps, so that a number is reaped
	// once, and never while a killed process is waited for: one that does not end
	// is no reason for another pool's death to be told late.
	burial  sync.Mutex
	unknown map[corpse]time.Time // unclaimed, and since when; burial's
	dying   map[corpse]bool      // killed, and some burial waits for it; burial's

	await func([]corpse) // for their ends; the kernel's unless a test says otherwise
}

// corpse is a dead child nobody has claimed: its number, and when it started,
// because numbers come back.
type corpse struct {
	pid   int
	start string
}

// born notes a worker before it is spawned: what bears its mark lives as long
// as it does, and it must not be taken for an orphan by a burial in between.
func (g *graves) born(mark string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.living == nil {
		g.living = make(map[string]int)
	}
	g.living[mark] = 0
}

// leads notes the number of a worker that has been spawned: it is its group's
// too.
func (g *graves) leads(mark string, pid int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.living[mark] = pid
}

// leaders are the numbers of the workers that live.
func (g *graves) leaders() map[int]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	pids := make(map[int]bool, len(g.living))
	for _, pid := range g.living {
		pids[pid] = true
	}
	return pids
}

// gone takes the mark's protection away.
func (g *graves) gone(mark string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.living, mark)
}

func (g *graves) lives(mark string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.living[mark]
	return ok
}

// bury kills and reaps all that the dead worker left to us.
func (g *graves) bury(group int, mark string) {
	g.gone(mark)
	mine := make(map[corpse]bool)
	for range burialRounds {
		strays := g.kill(group, mine)
		if len(strays) == 0 {
			break
		}
		if g.await != nil {
			g.await(strays)
		} else {
			awaitEnds(strays)
		}
		g.reap(strays)
	}
	g.release(mine)
}

// kill ends the strays that no other burial waits for, and gives them.
func (g *graves) kill(group int, mine map[corpse]bool) []corpse {
	g.burial.Lock()
	defer g.burial.Unlock()
	strays := slices.DeleteFunc(g.strays(group), func(s corpse) bool { return g.dying[s] && !mine[s] })
	if g.dying == nil {
		g.dying = make(map[corpse]bool)
	}
	for _, s := range strays {
		g.dying[s], mine[s] = true, true
		_ = unix.Kill(s.pid, unix.SIGKILL) // a zombie does not mind
	}
	return strays
}

// reap takes the dead among those out of the system's table.
func (g *graves) reap(strays []corpse) {
	g.burial.Lock()
	defer g.burial.Unlock()
	for _, s := range strays {
		// The number may be another's by now: a sweep reaps too.
		if st, ok := readStat(s.pid); ok && st.start == s.start {
			pid := s.pid
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// release leaves what has not ended to a later burial.
func (g *graves) release(strays map[corpse]bool) {
	g.burial.Lock()
	defer g.burial.Unlock()
	for s := range strays {
		delete(g.dying, s)
	}
}

// sweep reaps what orphans of living workers came to by themselves, so that a
// worker that starts daemons all day does not fill the table of processes. It
// kills nothing. It says when to look again; 0 means at the next death.
func (g *graves) sweep() time.Duration {
	if !g.burial.TryLock() {
		return sweepPause
	}
	defer g.burial.Unlock()
	leaders := g.leaders()
	unclaimed := make(map[corpse]time.Time)
	for _, pid := range ownChildren() {
		st, ok := readStat(pid)
		if !ok || st.state != 'Z' || leaders[pid] {
			continue // a worker is its own Wait's
		}
		if leaders[st.group] || g.claim(corpse{pid, st.start}, st, unclaimed) {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
	g.unknown = unclaimed
	if len(unclaimed) > 0 {
		return unknownAge
	}
	return 0
}

// strays are those of the daemon's children that belonged to the dead worker's
// group, or bear the mark of any worker that lives no more.
func (g *graves) strays(group int) []corpse {
	leaders := g.leaders()
	unclaimed := make(map[corpse]time.Time)
	var strays []corpse
	for _, pid := range ownChildren() {
		st, ok := readStat(pid)
		if !ok || leaders[pid] || leaders[st.group] {
			continue // numbers come back: the dead one was reaped, and one that lives may bear its number
		}
		mark := markOf(pid)
		switch {
		case g.lives(mark):
			continue // the same, of one that was started a moment ago
		case st.group == group:
		case strings.HasPrefix(mark, markPrefix) && !g.lives(mark):
		case st.state == 'Z' && g.claim(corpse{pid, st.start}, st, unclaimed):
		default:
			continue
		}
		strays = append(strays, corpse{pid, st.start})
	}
	g.unknown = unclaimed
	return strays
}

// claim decides about a zombie that says nothing about its origin, as zombies
// have no environment: a daemonised orphan of a living worker that ended by
// itself. In our own session it is some other package's, which will wait for
// it; in a foreign one it is taken once it has been unclaimed for long.
func (g *graves) claim(z corpse, st stat, unclaimed map[corpse]time.Time) bool {
	own, err := unix.Getsid(0)
	if err != nil || st.session == own {
		return false
	}
	since, known := g.unknown[z]
	if !known {
		since = time.Now()
	}
	unclaimed[z] = since
	return time.Since(since) > unknownAge
}

// awaitEnds waits for killed children, all of them together. Should a number be
// another's already, it is that one's end that is waited for, and no longer.
func awaitEnds(strays []corpse) {
	deadline := time.Now().Add(burialPatience)
	for _, s := range strays {
		fd, err := unix.PidfdOpen(s.pid, 0)
		if err != nil {
			continue
		}
		for {
			left := time.Until(deadline)
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(left, 0)/time.Millisecond))
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		_ = unix.Close(fd)
	}
}
