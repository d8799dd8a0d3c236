package rpc

import (
	"context"
	"time"
)

// A host that connects for each call it makes, while a service manager keeps
// the socket open over a restart, is refused by nobody: it is accepted by this
// server or waits for the next one. It would be told "shutting down" all the
// same if it were accepted just before the drain; so a server that is to be
// followed by another shuts its door first, and answers who came in.

// unaskedPatience is how long a connection that has asked nothing is waited for:
// who has just connected writes its request at once.
const unaskedPatience = 100 * time.Millisecond

// settleTick is how often connections are looked at meanwhile: the last answer
// of many is an event of none of them.
const settleTick = 2 * time.Millisecond

// Shut accepts no more connections, in this Serve or another, and returns when
// each of those there are has had its first answer, or is gone, or ctx ends.
// All go on being served, as before; Drain ends them.
func (s *Server) Shut(ctx context.Context) {
	s.shut()
	started := time.Now()
	tick := time.NewTicker(settleTick)
	defer tick.Stop()
	for s.owesFirst(time.Since(started) < unaskedPatience) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// owesFirst says whether somebody waits for a first answer, or may be about to
// ask for one.
func (s *Server) owesFirst(unasked bool) bool {
	if s.arriving.Load() > 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.owesFirst(unasked) {
			return true
		}
	}
	return false
}

func (c *Conn) owesFirst(unasked bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.answered || c.ending:
		return false
	case c.live > 0:
		return true
	}
	return unasked
}
