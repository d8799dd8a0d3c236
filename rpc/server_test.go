package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestDrainAnswersWhatIsInFlightAndRefusesTheRest(t *testing.T) {
	s := serveTest(t, Limits{})
	h, idle := s.dial(t), s.dial(t)
	idle.ping()
	h.send(request(1, "hold", ""))
	call := s.h.waitHeld(t)
	done := make(chan error, 1)
	go func() { done <- s.Drain(context.Background()) }()
	idle.eof()
	eventually(t, "the other connection draining too", func() bool {
		call.Conn.mu.Lock()
		defer call.Conn.mu.Unlock()
		return call.Conn.draining
	})
	h.send(request(2, "echo", "[1]"))
	h.wantError(h.answer(), "2", KindShuttingDown)
	call.Reply([]byte("1"))
	if got := h.line(); got != `{"jsonrpc":"2.0","id":1,"result":1}` {
		t.Error(got)
	}
	h.eof()
	if err := <-done; err != nil {
		t.Error(err)
	}
	within(t, "the end of Serve", s.done)
}

func TestDrainCutsWhatItsContextDoesNotWaitFor(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	h.send(request(1, "hold", ""))
	call := s.h.waitHeld(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain: %v", err)
	}
	if call.Cancelled().Kind() != KindShuttingDown {
		t.Errorf("cancelled with %v", call.Cancelled())
	}
	within(t, "the end of Serve", s.done)
	h.eof()
}

func TestContextEndDrainsWithinTheGrace(t *testing.T) {
	s := serveTest(t, Limits{Grace: 50 * time.Millisecond})
	h := s.dial(t)
	h.send(request(1, "hold", ""))
	call := s.h.waitHeld(t)
	s.stop()
	within(t, "the end of Serve", s.done)
	eventually(t, "the cancel", func() bool { return call.Answered() })
}

func TestServeConnOverPipes(t *testing.T) {
	h := newTestHandler()
	s, err := NewServer(h, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := pipePair()
	done := make(chan error, 1)
	go func() { done <- s.ServeConn(context.Background(), ours) }()
	go func() {
		io.WriteString(theirs, request(1, "add", "[3,4]")+"\n"+request(2, "hold", "")+"\n")
		h.waitHeld(t).Reply([]byte("8"))
		theirs.w.Close() // a half-close
	}()
	all, err := io.ReadAll(theirs.r)
	want := `{"jsonrpc":"2.0","id":1,"result":7}` + "\n" + `{"jsonrpc":"2.0","id":2,"result":8}` + "\n"
	if string(all) != want || err != nil {
		t.Errorf("got %q, %v", all, err)
	}
	if err := <-done; err != nil {
		t.Errorf("ServeConn: %v", err)
	}
}

// duplex is a two-way stream of two io.Pipes.
type duplex struct {
	r *io.PipeReader
	w *io.PipeWriter
}

func pipePair() (a, b duplex) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return duplex{r1, w2}, duplex{r2, w1}
}

func (d duplex) Read(p []byte) (int, error)  { return d.r.Read(p) }
func (d duplex) Write(p []byte) (int, error) { return d.w.Write(p) }
func (d duplex) Close() error                { d.r.Close(); return d.w.Close() }

func TestHooksSeeEveryConnectionAndMayRefuse(t *testing.T) {
	type state struct{ opened time.Time }
	var refuse atomic.Bool
	closed := make(chan *Conn, 2)
	s := serveTest(t, Limits{}, func(s *Server) {
		s.Hooks = Hooks{
			Peer: func(rwc io.ReadWriteCloser) Peer {
				_, unix := rwc.(*net.UnixConn)
				return Peer{PID: 1, UID: 2, GID: 3, OK: unix}
			},
			Opened: func(c *Conn) error {
				if refuse.Load() {
					return Errorf(KindPermissionDenied, "uid %d may not connect", c.Peer.UID)
				}
				c.State = &state{time.Now()}
				return nil
			},
			Closed: func(c *Conn, err error) { closed <- c },
		}
	})
	h := s.dial(t)
	h.send(request(1, "hold", ""))
	c := s.h.waitHeld(t)
	if _, ok := c.Conn.State.(*state); !ok || !c.Conn.Peer.OK || c.Conn.Peer.UID != 2 || c.Conn.Number == 0 || c.Conn.InFlight() != 1 {
		t.Errorf("conn: %+v, %d in flight", c.Conn.Peer, c.Conn.InFlight())
	}
	c.Reply(nil)
	h.Close()
	if got := <-closed; got != c.Conn {
		t.Error("Closed was told of another connection")
	}
	refuse.Store(true)
	h = s.dial(t)
	h.wantError(h.answer(), "null", KindPermissionDenied)
	h.eof()
}

func TestAcceptErrorsDoNotEndTheServer(t *testing.T) {
	var reported atomic.Int32
	s, err := NewServer(newTestHandler(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s.Hooks.AcceptError = func(error) { reported.Add(1) }
	l := &flakyListener{errs: 3, conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	a, b := net.Pipe()
	l.conns <- b
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	io.WriteString(a, request(1, "add", "[3,4]")+"\n")
	buf := make([]byte, 100)
	n, err := a.Read(buf)
	if got := string(buf[:n]); err != nil || got != `{"jsonrpc":"2.0","id":1,"result":7}`+"\n" {
		t.Errorf("%q, %v", got, err)
	}
	cancel()
	if err := <-done; err != nil || reported.Load() != 3 {
		t.Errorf("Serve: %v, %d errors reported", err, reported.Load())
	}
}

type flakyListener struct {
	errs   int
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.errs > 0 {
		l.errs--
		return nil, os.NewSyscallError("accept4", errors.New("too many open files"))
	}
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *flakyListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *flakyListener) Addr() net.Addr { return &net.UnixAddr{Name: "flaky"} }
