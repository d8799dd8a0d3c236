package pool

import (
	"slices"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// queue holds the calls of one lane that wait for a seat. It is round robin
// over connections, so that a host with a thousand calls waiting delays
// another host's one call by one call.
//
// It is bounded by its owner, who counts both lanes together.
type queue struct {
	lines map[uint64]*line // by connection; only lines that hold a call
	ring  []*line          // the same lines, next to be served first
	size  int
}

// line is one connection's waiting calls, first in, first out. A head index
// over a slice, and not a linked list: waiting calls are many and short-lived.
type line struct {
	conn  uint64
	calls []*rpc.Call
	head  int
}

func (l *line) len() int { return len(l.calls) - l.head }

func newQueue() queue { return queue{lines: make(map[uint64]*line)} }

func (q *queue) lineOf(conn uint64) *line {
	l := q.lines[conn]
	if l == nil {
		l = &line{conn: conn}
		q.lines[conn] = l
		q.ring = append(q.ring, l)
	}
	return l
}

// push puts c behind the other calls of its connection.
func (q *queue) push(conn uint64, c *rpc.Call) {
	l := q.lineOf(conn)
	if l.head > 0 && len(l.calls) == cap(l.calls) { // reuse what was served before growing
		l.calls = slices.Delete(l.calls, 0, l.head)
		l.head = 0
	}
	l.calls = append(l.calls, c)
	q.size++
}

// pushFront gives c back to the head of its connection's line, and that line
// the next turn: c has waited before.
func (q *queue) pushFront(conn uint64, c *rpc.Call) {
	l := q.lineOf(conn)
	if l.head > 0 {
		l.head--
		l.calls[l.head] = c
	} else {
		l.calls = slices.Insert(l.calls, 0, c)
	}
	if i := slices.Index(q.ring, l); i > 0 {
		q.ring = slices.Insert(slices.Delete(q.ring, i, i+1), 0, l)
	}
	q.size++
}

// peek is the call whose turn it is; nil when nothing waits.
func (q *queue) peek() *rpc.Call {
	if q.size == 0 {
		return nil
	}
	l := q.ring[0]
	return l.calls[l.head]
}

// pop takes what peek showed; the next turn is the next connection's.
func (q *queue) pop() *rpc.Call {
	l := q.ring[0]
	c := l.calls[l.head]
	l.calls[l.head] = nil
	l.head++
	q.size--
	q.ring = append(q.ring[:0], q.ring[1:]...)
	if l.len() == 0 {
		delete(q.lines, l.conn)
	} else {
		q.ring = append(q.ring, l)
	}
	return c
}

// oldest is when the call that has waited longest came; zero when none waits.
func (q *queue) oldest() (came time.Time) {
	for _, l := range q.ring {
		if first := l.calls[l.head].Arrived; came.IsZero() || first.Before(came) {
			came = first
		}
	}
	return came
}

// remove takes a call that is no longer wanted out of the middle.
func (q *queue) remove(conn uint64, c *rpc.Call) bool {
	l := q.lines[conn]
	if l == nil {
		return false
	}
	i := slices.Index(l.calls[l.head:], c)
	if i < 0 {
		return false
	}
	q.removeAt(l, l.head+i)
	return true
}

func (q *queue) removeAt(l *line, i int) {
	l.calls = slices.Delete(l.calls, i, i+1)
	q.size--
	if l.len() == 0 {
		delete(q.lines, l.conn)
		q.ring = slices.DeleteFunc(q.ring, func(x *line) bool { return x == l })
	}
}

// waiting is how many calls of conn wait.
func (q *queue) waiting(conn uint64) int {
	if l := q.lines[conn]; l != nil {
		return l.len()
	}
	return 0
}

// evict takes the newest waiting call of conn, which has one.
func (q *queue) evict(conn uint64) *rpc.Call {
	l := q.lines[conn]
	newest := len(l.calls) - 1
	victim := l.calls[newest]
	q.removeAt(l, newest)
	return victim
}

// all lists the waiting calls, in no order that matters.
func (q *queue) all() []*rpc.Call {
	list := make([]*rpc.Call, 0, q.size)
	for _, l := range q.ring {
		list = append(list, l.calls[l.head:]...)
	}
	return list
}

// takeAll empties the queue, in turn order.
func (q *queue) takeAll() []*rpc.Call {
	all := make([]*rpc.Call, 0, q.size)
	for q.size > 0 {
		all = append(all, q.pop())
	}
	return all
}
