package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Handler takes calls. Handle runs on the goroutine that reads the host's
// connection and must not block: it answers at once, or hands the call to
// someone who answers later.
type Handler interface {
	Handle(c *Call)
}

// HandlerFunc is a Handler made of a function.
type HandlerFunc func(c *Call)

// Handle calls f.
func (f HandlerFunc) Handle(c *Call) { f(c) }

// Server speaks the host's end of PROTOCOL.md over any number of connections.
//
// Ending it has three strengths. When the context of Serve ends it accepts no
// more and drains: new requests are refused with shutting_down, those in
// flight are answered, each connection closes after its last answer, and
// Limits.Grace bounds it all. Drain does the same for as long as its own
// context allows. Close cuts everything now.
type Server struct {
	Hooks Hooks // set before Serve

	handler Handler
	limits  atomic.Pointer[Limits]
	inbound atomic.Int64 // bytes of the calls in flight of all connections

	open     context.Context // ends when no more connections are wanted
	shut     context.CancelFunc
	arriving atomic.Int64 // that accept, and connections on their way into conns

	mu       sync.Mutex
	conns    map[*Conn]struct{}
	crowds   map[int]*crowd                   // by uid
	stops    map[*context.CancelFunc]struct{} // what stops each Serve from accepting
	draining bool
	cut      bool
	empty    chan struct{} // closed when nothing is served; replaced when something is
}

// NewServer makes a server that hands every call to h.
func NewServer(h Handler, l Limits) (*Server, error) {
	if h == nil {
		return nil, errors.New("rpc: a server needs a handler")
	}
	if f, ok := h.(HandlerFunc); ok && f == nil {
		return nil, errors.New("rpc: a server needs a handler, and this function is nil")
	}
	s := &Server{
		handler: h, conns: make(map[*Conn]struct{}),
		crowds: make(map[int]*crowd), stops: make(map[*context.CancelFunc]struct{}), empty: make(chan struct{}),
	}
	s.SetLimits(l)
	close(s.empty)
	s.open, s.shut = context.WithCancel(context.Background())
	return s, nil
}

const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// Serve accepts connections from l until ctx ends or the server is drained or
// closed, closes l, and returns when the last connection it accepted is gone.
// Those that wait in a socket's backlog when it ends are accepted too, and what
// they have asked is answered. The error is nil unless l failed for good.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !s.begin(&cancel) {
		return l.Close()
	}
	defer s.end(&cancel)
	wanted, enough := context.WithCancel(ctx) // more connections; ctx is about those there are, too
	defer enough()
	defer context.AfterFunc(s.open, enough)()
	s.arriving.Add(1)
	left := sync.OnceFunc(func() { s.arriving.Add(-1) })
	defer left()

	closed := make(chan struct{})
	stop := context.AfterFunc(wanted, func() {
		defer close(closed)
		if q := backlogOf(l); q != nil && q.SetDeadline(time.Unix(1, 0)) == nil {
			return // the accept it releases tells
		}
		_ = l.Close()
	})
	var running sync.WaitGroup
	defer running.Wait()
	serve := func(c net.Conn) {
		s.arriving.Add(1)
		running.Go(func() { _ = s.serveConn(ctx, c, func() { s.arriving.Add(-1) }) }) // its Closed hook is told
	}

	pause := time.Duration(0)
	for wanted.Err() == nil {
		c, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			serve(c)
			continue
		case wanted.Err() != nil:
			continue
		case errors.Is(err, net.ErrClosed):
			if stop() {
				_ = l.Close()
			}
			cancel() // the connections drain, as they do when ctx ends
			return fmt.Errorf("rpc: accept: %w", err)
		}
		// Out of descriptors, or a connection that died in the backlog: it
		// passes, and a server that exits for it would take all others along.
		s.acceptFailed(err)
		pause = min(max(2*pause, acceptPauseMin), acceptPauseMax)
		select {
		case <-time.After(pause):
		case <-wanted.Done():
		}
	}
	<-closed
	if err := acceptWaiting(l, serve); err != nil {
		s.acceptFailed(err)
	}
	_ = l.Close()
	left()
	return nil
}

func (s *Server) acceptFailed(err error) {
	if s.Hooks.AcceptError != nil {
		s.Hooks.AcceptError(fmt.Errorf("rpc: accept: %w", err))
	}
}

// ServeConn serves one connection that somebody else made, any two-way stream,
// and closes it. It returns when the connection is gone; the error is nil when
// the host ended it or ctx did.
func (s *Server) ServeConn(ctx context.Context, rwc io.ReadWriteCloser) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !s.begin(&cancel) {
		return errors.Join(ErrSenderClosed, rwc.Close())
	}
	defer s.end(&cancel)
	return s.serveConn(ctx, rwc, func() {})
}

func (s *Server) serveConn(ctx context.Context, rwc io.ReadWriteCloser, arrived func()) error {
	c := newConn(s, rwc)
	refused := s.add(c)
	arrived()
	if refused != nil {
		return c.refuse(refused)
	}
	defer s.remove(c)
	if s.Hooks.Opened != nil {
		if err := s.Hooks.Opened(c); err != nil {
			return c.refuse(AsError(err))
		}
	}
	drained := make(chan struct{})
	var force *time.Timer
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		c.drain()
		force = time.AfterFunc(s.bounds().Grace, func() { _ = c.out.Close() })
	})
	err := c.serve()
	if !stop() {
		<-drained
		force.Stop()
	}
	if s.Hooks.Closed != nil {
		s.Hooks.Closed(c, err)
	}
	return err
}

// refuse answers a connection that may not be with the one line that says why.
func (c *Conn) refuse(why *Error) error {
	c.respond(nil, nullID, nil, why)
	c.out.Finish()
	<-c.out.Done()
	return why
}

// handle calls the handler; a panic there costs this call and nothing else.
func (s *Server) handle(call *Call) {
	defer func() {
		if r := recover(); r != nil {
			call.Fail(panicked(r))
		}
	}()
	s.handler.Handle(call)
}

func (s *Server) begin(stop *context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	if len(s.stops) == 0 {
		s.empty = make(chan struct{})
	}
	s.stops[stop] = struct{}{}
	return true
}

func (s *Server) end(stop *context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.stops, stop)
	if len(s.stops) == 0 {
		close(s.empty)
	}
}

func (s *Server) add(c *Conn) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cut:
		return errServerClosed
	case len(s.conns) >= s.bounds().MaxConnections:
		return NewError(KindOverloaded, "too many connections: close one, or raise max-connections",
			Fields{"retry_after_ms": acceptPauseMax.Milliseconds(), "queue": len(s.conns)})
	}
	if full := s.join(c); full != nil {
		return full
	}
	s.conns[c] = struct{}{}
	return nil
}

func (s *Server) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.part(c)
}

// Connections is how many hosts are connected.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Drain accepts no more connections and no more requests, lets those in flight
// be answered, and returns nil when every connection is closed. When ctx ends
// first, what is left is cut as by Close and ctx's error returned.
func (s *Server) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	for stop := range s.stops {
		(*stop)()
	}
	empty := s.empty
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		s.Close()
		<-empty
		return fmt.Errorf("rpc: connections were cut with calls in flight: %w", context.Cause(ctx))
	}
}

// Close cuts every connection now and cancels their calls. Serve and ServeConn
// return soon after.
func (s *Server) Close() {
	s.mu.Lock()
	s.draining, s.cut = true, true
	for stop := range s.stops {
		(*stop)()
	}
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		_ = c.out.Close()
	}
}

func (s *Server) isCut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}
