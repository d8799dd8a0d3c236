package rpc

// The bytes of calls in flight are bounded twice: for one connection, so that a
// host that pipelines big arguments to a busy pool cannot fill memory, and for
// the whole server, so that many hosts cannot do it together. Over a bound a
// call is refused at once; waiting instead (reading no further) would hold up
// the cancels and the small calls behind it.

// smallCall is what a connection with nothing in flight may send whatever the
// others hold: a ping or a cancel-and-retry must get through a full server.
// Together they are at most MaxConnections times this.
const smallCall = 64 << 10

// weigh is what the call counts for: the bytes it keeps. A line whose buffer was
// handed over holds less than twice that.
func (c *Call) weigh() int {
	return len(c.Method) + len(c.id) + len(c.Params) + len(c.RawMeta)
}

// charge books the call's bytes, or says that there is no room for them. Called
// with c.mu held, before the call counts as live.
func (c *Conn) charge(call *Call) *Error {
	size := call.weigh()
	limits := c.server.bounds()
	if c.live > 0 && c.inbound+size > limits.MaxInbound {
		return c.full("the calls in flight on this connection hold too many bytes: wait for answers before sending more, or raise max-inbound",
			limits.MaxInbound, size)
	}
	bound := int64(limits.MaxInboundTotal)
	if c.live == 0 && size <= smallCall {
		bound = 1<<63 - 1
	}
	if !c.server.charge(int64(size), bound) {
		return c.full("the calls in flight of all connections hold too many bytes: try again, or raise max-inbound-total",
			limits.MaxInboundTotal, size)
	}
	call.bytes = size
	c.inbound += size
	return nil
}

// full is the refusal of a call that does not fit a budget of bytes.
func (c *Conn) full(message string, limit, size int) *Error {
	return NewError(KindOverloaded, message,
		Fields{"retry_after_ms": retryAfterMs, "queue": c.live, "limit": limit, "size": size})
}

// refund gives back what charge took. Called with c.mu held.
func (c *Conn) refund(call *Call) {
	c.inbound -= call.bytes
	c.server.inbound.Add(-int64(call.bytes))
}

// charge takes size of the server's budget unless that would pass bound. It
// never takes first and gives back after: a big call that is refused must not
// cost a small one its place.
func (s *Server) charge(size, bound int64) bool {
	for {
		held := s.inbound.Load()
		if held > bound-size {
			return false
		}
		if s.inbound.CompareAndSwap(held, held+size) {
			return true
		}
	}
}

// Inbound is how many bytes the calls in flight hold, of all connections.
func (s *Server) Inbound() int { return int(s.inbound.Load()) }
