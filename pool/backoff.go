package pool

import "time"

// backoff is how long to wait before a start, doubling from min to max with
// each early death in a row.
type backoff struct{ min, max time.Duration }

// jitter spreads a delay by this part of it, so that pools that broke together
// do not try again together.
const jitter = 0.2

// delay is the wait after streak early deaths; random is in [0,1).
func (b backoff) delay(streak int, random float64) time.Duration {
	d := b.max
	// The comparison is made on the shifted maximum: min<<streak overflows.
	if shift := max(streak-1, 0); shift < 63 && b.min <= b.max>>shift {
		d = b.min << shift
	}
	return time.Duration(float64(d) * (1 + jitter*(2*random-1)))
}

// budget is how many early deaths a pool may have before it is broken. It
// decays instead of starting over with each window, so that a death every
// window's length never adds up and a burst is not split by a boundary.
type budget struct {
	limit  int
	window time.Duration

	spent float64
	at    time.Time // when spent was true
}

// spend takes one failure and says whether the budget still holds.
func (b *budget) spend(now time.Time) bool {
	if elapsed := now.Sub(b.at); elapsed > 0 {
		b.spent = max(0, b.spent-float64(b.limit)*float64(elapsed)/float64(b.window))
	}
	b.at = now
	b.spent++
	return b.spent <= float64(b.limit)
}
