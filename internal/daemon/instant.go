package daemon

import (
	"sync/atomic"
	"time"
)

// epoch is what instants are counted from.
var epoch = time.Now()

// instant is a moment that many may set and read without a lock. It counts from
// a moment of this process, with the clock that nobody can set: Unix time in
// its place would have every idle pool closed when the machine's clock is put
// forward, and none for as long as it was put back.
type instant struct{ since atomic.Int64 }

func (i *instant) set(t time.Time) { i.since.Store(int64(t.Sub(epoch))) }

// before is how long before now it was.
func (i *instant) before(now time.Time) time.Duration {
	return now.Sub(epoch) - time.Duration(i.since.Load())
}

func (i *instant) earlier(than *instant) bool { return i.since.Load() < than.since.Load() }
