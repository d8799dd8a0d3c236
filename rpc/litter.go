package rpc

import (
	"runtime"
	"sync/atomic"
)

const (
	// litterFrom is the size from which a buffer that is let go counts.
	litterFrom = 1 << 20
	// litterLimit is how much of them may lie about.
	litterLimit = 8 << 20
)

// litter is the bytes of long lines' buffers that nobody uses any more. The
// garbage collector runs when the heap has doubled, which is the right thing for
// many small objects and the wrong one for a few buffers of ten megabytes each:
// a single long call would leave five times its size behind. They hold no
// pointers, so collecting them early costs less than a millisecond, beside the
// tens of milliseconds that such a line takes to be read.
var litter struct {
	bytes      atomic.Int64
	collecting atomic.Bool
}

// drop counts a buffer that was let go. It does not wait: the collection has a
// goroutine of its own, one at a time, which ends with it.
func drop(size int) {
	if size < litterFrom || litter.bytes.Add(int64(size)) < litterLimit || !litter.collecting.CompareAndSwap(false, true) {
		return
	}
	litter.bytes.Store(0)
	go func() {
		defer litter.collecting.Store(false)
		runtime.GC()
	}()
}
