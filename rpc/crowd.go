package rpc

import (
	"fmt"
	"sync/atomic"
)

// crowd is all connections of one uid: a limit for each connection alone is no
// limit for a user who may open a thousand. Only a server with limits per uid
// keeps crowds, and only of peers whose uid the system told.
type crowd struct {
	uid   int
	conns int // guarded by Server.mu
	live  atomic.Int64
}

// join makes c one of its uid's crowd, or says why not. Called with mu held.
func (s *Server) join(c *Conn) *Error {
	if s.bounds().MaxConnectionsPerUID <= 0 && s.bounds().MaxInFlightPerUID <= 0 || !c.Peer.OK {
		return nil
	}
	all := s.crowds[c.Peer.UID]
	if all == nil {
		all = &crowd{uid: c.Peer.UID}
	}
	if limit := s.bounds().MaxConnectionsPerUID; limit > 0 && all.conns >= limit {
		return NewError(KindOverloaded, fmt.Sprintf("uid %d has too many connections: close one, or raise max-connections-per-uid", all.uid),
			Fields{"retry_after_ms": acceptPauseMax.Milliseconds(), "queue": all.conns})
	}
	all.conns++
	s.crowds[all.uid] = all
	c.crowd = all
	return nil
}

// part forgets a crowd with its last connection. Its notifications may go on;
// they count for nobody who comes later. Called with mu held.
func (s *Server) part(c *Conn) {
	if c.crowd == nil {
		return
	}
	if c.crowd.conns--; c.crowd.conns == 0 {
		delete(s.crowds, c.crowd.uid)
	}
}

// enter counts one call in flight, unless that is one too many.
func (a *crowd) enter(limit int) *Error {
	if a == nil {
		return nil
	}
	if n := a.live.Add(1); limit > 0 && n > int64(limit) {
		a.leave()
		return NewError(KindOverloaded, fmt.Sprintf("uid %d has too many calls in flight on its connections: wait for answers before sending more, or raise max-in-flight-per-uid", a.uid),
			Fields{"retry_after_ms": retryAfterMs, "queue": limit})
	}
	return nil
}

func (a *crowd) leave() {
	if a != nil {
		a.live.Add(-1)
	}
}
