package supervisor

import (
	"strconv"
	"sync/atomic"
)

// Ledger is how many handles several workers hold together, and how many they
// may. Each worker keeps its own table; here is the sum of what they last said,
// which each says ten times a second at most. A call that could make a handle
// while the sum is at its bound takes the bound along, and its worker refuses.
// Rejected: refusing such a call before it reaches a worker, for most of those
// that could make one make none, and one host's hoard would stop them all.
//
// A nil Ledger bounds nothing.
type Ledger struct{ live, most atomic.Int64 }

// Limit says how many there may be from now on; 0 = any number.
func (l *Ledger) Limit(most int) {
	if l != nil {
		l.most.Store(int64(most))
	}
}

// Live is how many there are.
func (l *Ledger) Live() int {
	if l == nil {
		return 0
	}
	return int(l.live.Load())
}

// count adds to what there is.
func (l *Ledger) count(more int) {
	if l != nil && more != 0 {
		l.live.Add(int64(more))
	}
}

// full is the bound when it is reached, and how many there are; 0 when it is not.
func (l *Ledger) full() (most, live int64) {
	if l == nil {
		return 0, 0
	}
	if most, live = l.most.Load(), l.live.Load(); most == 0 || live < most {
		return 0, 0
	}
	return most, live
}

// append says of a call with options that what it makes may not be held.
func (l *Ledger) append(b []byte) []byte {
	most, live := l.full()
	if most == 0 {
		return b
	}
	b = append(b, `,"full":[`...)
	b = strconv.AppendInt(b, live, 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, most, 10)
	return append(b, ']')
}
