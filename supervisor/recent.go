package supervisor

import "github.com/mochilang/mochi-pyd/rpc"

const (
	// recentCalls is how many answered calls a link remembers by name: a line
	// that a call wrote may be read after its answer.
	recentCalls = 64
	// recentID is how much of a host's id is remembered, and shown: it may be as
	// long as a message, and log lines are kept.
	recentID = 40
)

// shownID is the beginning of a call's id.
func shownID(c *rpc.Call) string {
	id := c.ID()
	return string(id[:min(len(id), recentID)])
}

// recent is a ring of the calls that were answered last. It copies what it
// keeps into itself: a pointer would hold the call's arguments in memory, and
// a string would cost each call an allocation.
type recent struct {
	ring [recentCalls]struct {
		id       uint64
		function string
		host     [recentID]byte
		hostLen  int
	}
	next int
}

func (r *recent) add(id uint64, c *rpc.Call) {
	e := &r.ring[r.next]
	r.next = (r.next + 1) % recentCalls
	e.id, e.function = id, c.Function
	e.hostLen = copy(e.host[:], c.ID())
}

func (r *recent) find(id uint64) (requestID, function string) {
	for i := range r.ring {
		if e := &r.ring[i]; e.id == id && id != 0 {
			return string(e.host[:e.hostLen]), e.function
		}
	}
	return "", ""
}
