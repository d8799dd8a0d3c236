package rpc

import (
	"sync"
	"time"
)

const (
	// lingerPlaces is how many readers may be in a conversation for it to be
	// one: with more, something is always there to be read, and looking would
	// only keep goroutines from their work.
	lingerPlaces = 4
	// lingerHot is how lately a reader must have read to count.
	lingerHot = time.Millisecond
	// lingerCrowded is how long nobody lingers after more than that had read.
	lingerCrowded = 10 * time.Millisecond
)

// Expects says whether something is to come that is worth waiting for awake.
type Expects func() bool

// place is one reader of the conversation that is going on.
type place struct {
	reader  *FrameReader
	fd      int
	read    time.Time // when it last read something
	expects Expects   // nil: always
	worker  bool
}

// loiter is where goroutines with nothing left to read linger before they
// sleep. A conversation is one host (or two) and the workers that answer it:
// their readers take turns, and whoever has just read looks at the descriptors
// of all of them. That cannot be left to each reader alone, as the one that
// looks has the processor that the next one needs.
//
// It is one for the process: what it spends is the process's time. Only one
// goroutine lingers at a time; the others sleep.
var loiter struct {
	mu      sync.Mutex
	places  [lingerPlaces]place
	window  window
	crowded time.Time // when there were too many readers last
	idle    time.Time // since when nobody has read; zero: somebody is at work
}

// Linger makes the reader one that looks for a moment before it sleeps.
// A worker's does while its worker owes an answer; a host's, while the worker of
// some conversation does or has done so a moment ago.
func (f *FrameReader) Linger(worker bool, expects Expects) {
	f.lingers = canLinger
	f.expects, f.worker = expects, worker
}

// wake notes that f has read something.
func (f *FrameReader) wake() {
	if !f.lingers || !loiter.mu.TryLock() {
		return
	}
	defer loiter.mu.Unlock()
	if !loiter.idle.IsZero() {
		loiter.window.waited(f.burst.at.Sub(loiter.idle))
		loiter.idle = time.Time{}
	}
}

// linger looks whether something comes before it would be worth sleeping. It is
// called by a reader that has read all there was.
func (f *FrameReader) linger(fd int) {
	if !f.lingers || !loiter.mu.TryLock() {
		return
	}
	defer loiter.mu.Unlock()
	now := time.Now()
	if now.Sub(f.burst.at) >= lingerHot || !f.takePlace(fd, now) {
		return
	}
	loiter.idle = now
	if now.Sub(loiter.crowded) < lingerCrowded {
		return
	}
	var fds [lingerPlaces]int
	n, conversation := 0, false
	for i := range loiter.places {
		p := &loiter.places[i]
		if p.reader == nil || now.Sub(p.read) >= lingerHot {
			continue
		}
		conversation = conversation || p.worker
		if p.expects == nil || p.expects() {
			fds[n] = p.fd
			n++
		}
	}
	if length := loiter.window.now(now); conversation && n > 0 && length > 0 {
		if took, robbed := lookAt(fds[:n], now, length); robbed {
			loiter.window.robbed(took)
		}
	}
}

// takePlace makes f one of the conversation; false when there is no room.
// Called with the lock held.
func (f *FrameReader) takePlace(fd int, now time.Time) bool {
	at := 0
	for i := range loiter.places {
		switch p := &loiter.places[i]; {
		case p.reader == f:
			p.read = f.burst.at
			return true
		case p.reader == nil || p.read.Before(loiter.places[at].read):
			at = i
		}
	}
	if p := &loiter.places[at]; p.reader != nil && now.Sub(p.read) < lingerHot {
		loiter.crowded = now
		return false
	}
	loiter.places[at] = place{reader: f, fd: fd, read: f.burst.at, expects: f.expects, worker: f.worker}
	return true
}

// leave takes f out: its descriptor's number may soon be another's.
func (f *FrameReader) leave() {
	if !f.lingers {
		return
	}
	loiter.mu.Lock()
	defer loiter.mu.Unlock()
	for i := range loiter.places {
		if loiter.places[i].reader == f {
			loiter.places[i] = place{}
		}
	}
}
