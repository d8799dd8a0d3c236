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
	// recentID is how much of a host's id is remembered, and shown.
	recentID = rpc.ShownID
	// traceDigits is how many digits a trace has (W3C trace-context).
	traceDigits = 32
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
	ring  [recentTraced]answeredCall
	trace [recentTraced][traceDigits]byte // and not the string it is a part of, which may be as long as a message
	next  int
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
		if trace := rpc.TraceID(c.Meta.Traceparent); trace != "" {
			r.addTraced(id, c, trace)
			return
		}
	}
	r.ring[r.next].note(id, c)
	r.next = (r.next + 1) % recentCalls
}

func (r *recent) addTraced(id uint64, c *rpc.Call, trace string) {
	if r.traced == nil {
		r.traced = &tracedCalls{}
	}
	t := r.traced
	t.ring[t.next].note(id, c)
	copy(t.trace[t.next][:], trace)
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
				by.traceID = string(t.trace[i][:])
				return by
			}
		}
	}
	return author{}
}
