package supervisor

import "github.com/mochilang/mochi-pyd/rpc"

const (
	// recentCalls is how many answered calls a link remembers by name: a line
	// that a call wrote may be read after its answer.
	recentCalls = 64
	// recentTraced is the same for calls with a trace, whose lines somebody will
	// look for by it. They cost more than others anyway, so that the room is worth
	// it; a worker that never had one has none.
	recentTraced = 1024
	// recentID is how much of a host's id is remembered.
	recentID = 40
)

// author is the call that wrote a line.
type author struct{ requestID, function, traceID string }

// recent is a ring of the calls that were answered last, and one of those of them
// that had a trace. It copies what it keeps into itself: a pointer would hold the
// call's arguments in memory, and a string would cost each call an allocation.
type recent struct {
	ring   [recentCalls]answeredCall
	next   int
	traced *tracedCalls
}

type tracedCalls struct {
	ring   [recentTraced]answeredCall
	parent [recentTraced]string // W3C traceparent; it is the call's own copy already
	next   int
}

type answeredCall struct {
	id       uint64
	function string
	host     [recentID]byte
	hostLen  int
}

func (a *answeredCall) note(id uint64, c *rpc.Call) {
	a.id, a.function = id, c.Function
	a.hostLen = copy(a.host[:], c.ID())
}

func (a *answeredCall) author() author {
	return author{requestID: string(a.host[:a.hostLen]), function: a.function}
}

func (r *recent) add(id uint64, c *rpc.Call) {
	if c.Meta.Traceparent != "" {
		r.addTraced(id, c)
		return
	}
	r.ring[r.next].note(id, c)
	r.next = (r.next + 1) % recentCalls
}

func (r *recent) addTraced(id uint64, c *rpc.Call) {
	if r.traced == nil {
		r.traced = &tracedCalls{}
	}
	t := r.traced
	t.ring[t.next].note(id, c)
	t.parent[t.next] = c.Meta.Traceparent
	t.next = (t.next + 1) % recentTraced
}

func (r *recent) find(id uint64) author {
	if id == 0 {
		return author{}
	}
	for i := range r.ring {
		if r.ring[i].id == id {
			return r.ring[i].author()
		}
	}
	if t := r.traced; t != nil {
		for i := range t.ring {
			if t.ring[i].id == id {
				by := t.ring[i].author()
				by.traceID = rpc.TraceID(t.parent[i])
				return by
			}
		}
	}
	return author{}
}
