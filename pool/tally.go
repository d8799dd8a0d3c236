package pool

import (
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// tally is what a pool counts of its calls. Fixed in size; guarded by the
// pool's lock.
type tally struct {
	since   time.Time
	calls   uint64
	errors  uint64
	service time.Duration            // what a worker spends on a call, a moving average
	took    [latencies]time.Duration // a ring of the latest
	seconds [rateWindow]second       // calls by second, a ring
}

const (
	latencies  = 512 // calls that p95 looks back on
	rateWindow = 10  // seconds that calls/s looks back on
)

type second struct {
	at    int64 // since the pool's start
	calls uint64
}

func newTally(now time.Time) tally { return tally{since: now} }

// done counts one answered call, which a worker had in hand for service.
func (t *tally) done(c *rpc.Call, service time.Duration, err *rpc.Error, now time.Time) {
	t.service += (service - t.service) / 8
	t.took[t.calls%latencies] = now.Sub(c.Arrived)
	t.calls++
	if err != nil {
		t.errors++
	}
	at := int64(now.Sub(t.since) / time.Second)
	s := &t.seconds[at%rateWindow]
	if s.at != at {
		*s = second{at: at}
	}
	s.calls++
}

// rate is calls per second over the window, or over the pool's life while that
// is shorter.
func (t *tally) rate(now time.Time) float64 {
	at := int64(now.Sub(t.since) / time.Second)
	var calls uint64
	for _, s := range t.seconds {
		if s.calls > 0 && at-s.at < rateWindow {
			calls += s.calls
		}
	}
	span := min(max(now.Sub(t.since), time.Second), rateWindow*time.Second)
	return float64(calls) / span.Seconds()
}

// p95 is the 95th percentile of the latest calls' times, arrival to answer.
func (t *tally) p95() time.Duration {
	n := min(t.calls, latencies)
	if n == 0 {
		return 0
	}
	sorted := slices.Clone(t.took[:n])
	slices.Sort(sorted)
	return sorted[(n*95+99)/100-1]
}

// retryAtLeast and retryAtMost bound what an overloaded caller is told.
const (
	retryAtLeast = 10 * time.Millisecond
	retryAtMost  = 10 * time.Second
)

// drainTime is about how long n waiting calls take on so many workers: what
// the next caller should wait before it tries again.
func (t *tally) drainTime(n, workers int) time.Duration {
	if t.calls == 0 {
		return time.Second // nothing is known yet
	}
	return min(max(t.service*time.Duration(n)/time.Duration(max(workers, 1)), retryAtLeast), retryAtMost)
}
