package rpc

import (
	"time"
	"unsafe"
)

const (
	// burstLines and burstBytes bound what a burst holds back before it writes
	// (the bytes, for each descriptor): who is to work on the first line should
	// not wait for the sixteenth.
	burstLines = 16
	burstBytes = 8 << 10
)

// Burst is what one read brought: the lines that came with it, the moment they
// came, and the lines that go out because of them. Under pipelining a read
// brings many lines, and a system call for each line that they cause would cost
// more than everything else about it; so a goroutine that reads lines sends
// through its burst, and each descriptor is written to once, before the
// goroutine reads again. Nothing waits for input that has not come: a burst is
// over when its lines are.
//
// A burst belongs to one FrameReader and to the goroutine that reads from it,
// and is nobody else's to use. A nil *Burst means "now": every line is sent by
// itself.
type Burst struct {
	at     time.Time
	frames *FrameReader
	held   []*Sender // may have lines that wait for this burst's end
	lines  int
	last   bool
}

// Now is when the burst's lines came, or the time. One look at the clock for
// all of a burst is exact enough for deadlines and service times, as a burst
// takes microseconds, and costs a fraction of several for each line.
func (b *Burst) Now() time.Time {
	if b == nil || b.at.IsZero() {
		return time.Now()
	}
	return b.at
}

// mayWait says whether one more line may wait for the burst's end.
func (b *Burst) mayWait() bool {
	if b == nil || b.last {
		return false
	}
	b.lines++
	return true
}

// Last says that no line behind the present one can come yet, so that what this
// one causes has nothing to wait for. It holds until the burst ends.
func (b *Burst) Last() { b.last = true }

// keeps makes part of the last line safe to be kept, where that is cheaper than
// a copy: the line's buffer is handed over. What is no part of it, as a handler's
// own bytes are, is not.
func (b *Burst) keeps(part []byte) bool {
	return b != nil && inside(part, b.frames.whole) && b.frames.keep(len(part))
}

// inside says whether part is a slice of whole.
func inside(part, whole []byte) bool {
	from, to := uintptr(unsafe.Pointer(unsafe.SliceData(whole))), uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	return to >= from && to+uintptr(len(part)) <= from+uintptr(len(whole))
}

// end writes what waits.
func (b *Burst) end() {
	for i, s := range b.held {
		s.flushFor(b)
		b.held[i] = nil
	}
	b.held, b.lines, b.last = b.held[:0], 0, false
}
