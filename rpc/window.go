package rpc

import "time"

// The daemon's side of busy polling, as a worker does it (render's polling.py):
// most of a round trip is waking a core that has gone to sleep, and who looks a
// few times more before it sleeps saves that.
const (
	lingerFirst   = 10 * time.Microsecond  // the window that the first short wait opens
	lingerLongest = 50 * time.Microsecond  // the widest one: a worker's quick call, or a host's next
	lingerFar     = 20                     // a wait of so many of the widest windows says that the burst is over
	lingerRobbed  = 300 * time.Microsecond // one look took so long: somebody else wants the core

	lingerPause, lingerPauseMost = 100 * time.Millisecond, 10 * time.Second // how long lingering stops then: it doubles
)

// window is how long to look before the next sleep. It grows while what comes
// next comes soon and closes while it does not, as KVM's halt polling does. It is
// told the time and never asks for it.
type window struct {
	longest time.Duration // 0: lingerLongest
	length  time.Duration
	wasLong bool // so was the last wait
	until   time.Time
	pause   time.Duration
}

// now is the window of the wait that begins at that time.
func (w *window) now(at time.Time) time.Duration {
	if at.Before(w.until) {
		return 0
	}
	return w.length
}

// most is the widest that the window opens.
func (w *window) most() time.Duration {
	if w.longest == 0 {
		return lingerLongest
	}
	return w.longest
}

// waited learns how long a wait was, looking and sleep together.
func (w *window) waited(d time.Duration) {
	switch {
	case d <= w.most():
		w.length = min(max(2*w.length, lingerFirst), w.most())
		w.wasLong = false
	case w.wasLong || d > lingerFar*w.most():
		w.length = 0
	default:
		w.length /= 2
		w.wasLong = true
	}
}

// robbed closes the window for a while: looking took from somebody who needs
// the core. Each pause is twice as long as the one before it, unless there was
// no trouble for longer than it would be.
func (w *window) robbed(at time.Time) {
	if at.Sub(w.until) > w.pause {
		w.pause = lingerPause
	}
	w.until = at.Add(w.pause)
	w.pause = min(2*w.pause, lingerPauseMost)
}
