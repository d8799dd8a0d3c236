package supervisor

import "time"

// A worker that has not answered a shot is kicked again after kickFirst, and
// then each time after kickGrowth times as long: at 5, 20, 80, 320 ms. A signal
// is missed when it lands in the 40 µs before a sleep begins, and on a machine
// so busy that the worker does not run in between, several count as one.
const (
	kickFirst  = 5 * time.Millisecond
	kickGrowth = 4
)

// holdLeast is the least time between two looks at a call that waits behind
// another one.
const holdLeast = 100 * time.Millisecond

// act is what a ladder wants done.
type act int

const (
	actNone    act = iota
	actKick        // a signal: look into the control pipe
	actShoot       // the call's id into the control pipe, and a kick
	actCondemn     // the grace is over: stack dump, then SIGKILL
	actCount
)

var actNames = [actCount]string{"", "kick", "shoot", "condemn"}

func (a act) String() string { return actNames[a] }

// sight is what the seats and the scoreboard say of a call that is to end.
type sight int

const (
	sightGone   sight = iota // answered: there is nothing left to end
	sightBehind              // it has not started, and another call on the worker has
	sightUp                  // it runs; or nothing runs, and still it does not start
	sightCount
)

var sightNames = [sightCount]string{"gone", "behind", "up"}

func (s sight) String() string { return sightNames[s] }

// phase is where a ladder stands.
type phase int

const (
	phaseClimbing  phase = iota // rung by rung
	phaseHeld                   // its grace is over, and to kill would hit another call: it waits
	phaseCondemned              // at the top: its worker dies unless it is answered now
	phaseOver                   // answered
	phaseCount
)

var phaseNames = [phaseCount]string{"climbing", "held", "condemned", "over"}

func (p phase) String() string { return phaseNames[p] }

// rung is one step of a ladder: what to do, and how long after its beginning.
type rung struct {
	at  time.Duration
	act act
}

// rungs is the whole ladder for a grace: a shot, a second one half way up,
// which also ends a `finally:`, kicks after each of them, and the top.
func rungs(grace time.Duration) []rung {
	half := grace / 2
	var up []rung
	for _, part := range [][2]time.Duration{{0, half}, {half, grace}} {
		from, to := part[0], part[1]
		if from == to && len(up) > 0 {
			break // no grace, no second shot
		}
		up = append(up, rung{from, actShoot})
		for d := kickFirst; from+d < to; d *= kickGrowth {
			up = append(up, rung{from + d, actKick})
		}
	}
	return append(up, rung{grace, actCondemn})
}

// ladder is how one call is made to end: asked, asked again, and then ended
// with its worker. It knows no clock but the one it is shown.
type ladder struct {
	id       uint64
	function string
	reason   Reason
	grace    time.Duration

	phase phase
	up    []rung
	next  int       // the rung that is due next
	from  time.Time // when the climb began; of a held one, when to look again
	owed  bool      // a shot that did not fit into the control pipe

	struck time.Time // when the call was struck out on the board; zero: it is not
	void   bool      // its owner knows that it never starts
}

func newLadder(id uint64, function string, i Interruption, now time.Time) *ladder {
	grace := max(i.Grace, 0)
	return &ladder{id: id, function: function, reason: i.Reason, grace: grace, up: rungs(grace), from: now}
}

// due is when the ladder wants to be stepped again; false when only an answer
// can still change it.
func (l *ladder) due() (time.Time, bool) {
	switch l.phase {
	case phaseClimbing:
		return l.from.Add(l.up[l.next].at), true
	case phaseHeld:
		return l.from, true
	}
	return time.Time{}, false
}

// step takes one rung if it is due, and says what to do. It is called until
// there is nothing to do.
//
// A call that has not started never ends a worker on which another one has: it
// is revoked, so it will not start, and whose fault its waiting is, is not its
// to judge; the other has a deadline of its own. Once nothing runs before it
// any more it begins again from the first rung.
func (l *ladder) step(now time.Time, s sight) act {
	switch {
	case s == sightGone:
		l.phase = phaseOver
	case s == sightBehind && l.phase == phaseCondemned:
		l.hold(now) // while the stacks were waited for, the worker began another
	}
	if at, ok := l.due(); !ok || now.Before(at) {
		return actNone
	}
	if l.phase == phaseHeld {
		if s == sightBehind {
			l.hold(now)
			return actNone
		}
		l.phase, l.next, l.from = phaseClimbing, 0, now
	}
	do := l.up[l.next].act
	if do == actCondemn {
		if s == sightBehind {
			l.hold(now)
			return actNone
		}
		l.phase = phaseCondemned
		return do
	}
	l.next++
	return do
}

// voids says that the call is to be given up now: it has not started, another
// one keeps it from that, and as it is struck out it never will. Whoever asked
// for it need not wait for the other. Only its seat has to, so the ladder stays.
//
// now is from before the look at the board.
func (l *ladder) voids(now time.Time, s sight) bool {
	return !l.void && s == sightBehind && !l.struck.IsZero() && now.Sub(l.struck) >= strikeSettles
}

func (l *ladder) hold(now time.Time) {
	l.phase, l.from = phaseHeld, now.Add(max(l.grace, holdLeast))
}
