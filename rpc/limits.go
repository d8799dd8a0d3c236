package rpc

import (
	"io"
	"time"
)

// Limits bound what one server, and one connection of it, may take. A zero
// field means its default.
type Limits struct {
	MaxMessage      int           // longest line either way, bytes (16 MiB)
	MaxBatch        int           // entries of one batch (1000)
	MaxConnections  int           // connections at once (4096)
	MaxInFlight     int           // unanswered calls of one connection (4096)
	MaxInbound      int           // bytes that one connection's unanswered calls hold (64 MiB, and no less than two of MaxMessage)
	MaxInboundTotal int           // bytes that the unanswered calls of all connections hold (512 MiB, and no less than MaxInbound)
	MaxOutbound     int           // bytes of answers waiting for one slow reader (64 MiB)
	WriteTimeout    time.Duration // a peer that takes nothing for so long is cut (30 s)
	MaxCallbacks    int           // callbacks that one connection has not answered (256)
	MaxBadLines     int           // lines in a row that are over-long or not even begin like a message, before the connection is closed (100)

	MaxConnectionsPerUID int // connections of one uid at once (0: no limit but MaxConnections)
	MaxInFlightPerUID    int // unanswered calls of all connections of one uid (0: no limit but each connection's)

	Grace time.Duration // for calls in flight when the context of Serve ends (30 s)
}

// The defaults of Limits that have no constant elsewhere.
const (
	DefaultMaxBatch        = 1000
	DefaultMaxConnections  = 4096
	DefaultMaxInFlight     = 4096
	DefaultMaxInbound      = 64 << 20
	DefaultMaxInboundTotal = 512 << 20
	DefaultMaxBadLines     = 100
	DefaultGrace           = 30 * time.Second
)

func (l Limits) withDefaults() Limits {
	orElse(&l.MaxMessage, DefaultMaxMessage)
	orElse(&l.MaxBatch, DefaultMaxBatch)
	orElse(&l.MaxConnections, DefaultMaxConnections)
	orElse(&l.MaxInFlight, DefaultMaxInFlight)
	orElse(&l.MaxInbound, DefaultMaxInbound)
	orElse(&l.MaxInboundTotal, DefaultMaxInboundTotal)
	// A budget that one message could use up would refuse a lone call.
	l.MaxInbound = max(l.MaxInbound, 2*l.MaxMessage)
	l.MaxInboundTotal = max(l.MaxInboundTotal, l.MaxInbound)
	orElse(&l.MaxOutbound, DefaultMaxOutbound)
	orElse(&l.WriteTimeout, DefaultWriteTimeout)
	orElse(&l.MaxCallbacks, DefaultMaxCallbacks)
	orElse(&l.MaxBadLines, DefaultMaxBadLines)
	orElse(&l.Grace, DefaultGrace)
	return l
}

// SetLimits gives the server other limits. What is counted is held against them
// from the next time on that something is added to it, so nobody is cut for
// having been there before. A connection keeps the MaxMessage, MaxOutbound and
// WriteTimeout that it was opened with; and a connection that was opened while
// there was no limit per uid does not count for one.
func (s *Server) SetLimits(l Limits) {
	l = l.withDefaults()
	s.limits.Store(&l)
}

// bounds are the limits of now.
func (s *Server) bounds() *Limits { return s.limits.Load() }

func orElse[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Peer is who is at the other end of a connection, as far as the system says.
type Peer struct {
	PID, UID, GID int
	OK            bool // false: not known
}

// Hooks tell the server's owner about connections. Every field may be nil; all
// are called on the connection's own goroutine and must not block.
type Hooks struct {
	// Peer identifies the other end.
	Peer func(io.ReadWriteCloser) Peer
	// Opened may refuse the connection: the error is its only answer. It may
	// set Conn.State.
	Opened func(*Conn) error
	// Closed is the last thing heard of a connection that Opened let in. err
	// is nil when the host ended it.
	Closed func(c *Conn, err error)
	// AcceptError reports a failed accept that is tried again after a pause.
	AcceptError func(error)
	// Refused hears of each request that was refused before the handler could see
	// it (a line that is no JSON, a full connection), and of each connection that
	// was.
	Refused func(*Error)
}
