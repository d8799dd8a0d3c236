package metrics

import "time"

// The bounds, in an order that puts common times first: finding a bucket is a
// walk, and a walk of two steps beats a search of five.
var (
	// callBounds: an empty call takes some 30 µs, so that the first bucket holds
	// what only the wire costs; from there to call-timeout's default the usual
	// 1, 2.5, 5, whose error of a quantile is what the eye accepts on a
	// logarithmic axis. Longer calls are streams and batch work; that they are
	// over a minute is all that a graph can say of them.
	callBounds = []time.Duration{
		100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
		time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
		10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
		100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 5 * time.Second,
		10 * time.Second, 30 * time.Second, time.Minute,
	}
	// queueBounds: the same ground with fewer steps, as all that is asked of a
	// wait is how many digits it has; 30 s is queue-timeout's default.
	queueBounds = []time.Duration{
		100 * time.Microsecond, 500 * time.Microsecond,
		time.Millisecond, 5 * time.Millisecond,
		10 * time.Millisecond, 50 * time.Millisecond,
		100 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
	}
	// startBounds: a fork from a preloaded module takes a few ms, a bare
	// interpreter some 30, numpy a quarter of a second, a model ten seconds;
	// start-timeout's default is 30 s.
	startBounds = []time.Duration{
		5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
		100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 5 * time.Second,
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
	}
)

// histogram counts durations. Guarded by its owner.
type histogram struct {
	sum    time.Duration
	bounds []time.Duration
	counts [maxBounds + 1]uint64 // one for each bound, and one for what is above all; in place, as each pointer to follow costs a call a cache line
}

// maxBounds is the most that a histogram has.
const maxBounds = 18

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(h.bounds) && d > h.bounds[i] {
		i++
	}
	h.counts[i]++
	h.sum += d
}

// read gives what an exposition wants: each bucket holds those below it, too.
func (h *histogram) read() (count uint64, seconds float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(h.bounds))
	for i, bound := range h.bounds {
		count += h.counts[i]
		buckets[bound.Seconds()] = count
	}
	return count + h.counts[len(h.bounds)], h.sum.Seconds(), buckets
}
