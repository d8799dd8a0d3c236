package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// queued are hosts that have connected and asked, and that nobody has accepted.
func queued(t *testing.T, l net.Listener, n int) []*host {
	t.Helper()
	var all []*host
	for i := range n {
		h := (&testServer{addr: l.Addr().String()}).dial(t)
		h.send(request(i, "add", "[1,2]"))
		all = append(all, h)
	}
	return all
}

func listen(t *testing.T) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketPath(t), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestHostsThatWaitToBeAcceptedAreAnsweredWhenTheServerEnds(t *testing.T) {
	l := listen(t)
	hosts := queued(t, l, 20)
	s, err := NewServer(NewMux(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(ctx, l); err != nil {
		t.Error(err)
	}
	for i, h := range hosts {
		// Refused by the connection or, a moment earlier, by the handler.
		if a := h.answer(); string(a.ID) != fmt.Sprint(i) || a.Error == nil {
			t.Errorf("host %d got %+v", i, a)
		}
		h.eof()
	}
}

// kept is a listener whose socket a service manager keeps.
type kept struct{ *net.UnixListener }

func (kept) Shut() bool { return false }

func TestHostsThatWaitInAPassedSocketAreLeftToTheNextServer(t *testing.T) {
	l := listen(t)
	l.SetUnlinkOnClose(false)
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	h := queued(t, l, 1)[0]
	first, err := NewServer(NewMux(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.Serve(ctx, kept{l}); err != nil {
		t.Error(err)
	}

	again, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	mux := NewMux()
	mux.Func("add", func(context.Context, json.RawMessage) (any, error) { return 3, nil })
	next, err := NewServer(mux, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- next.Serve(ctx, again) }()
	if a := h.answer(); string(a.Result) != "3" {
		t.Errorf("the next server answered %+v", a)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestWhatWasWrittenBeforeTheDrainIsAnswered: requests that stand in the
// connection's own buffer when its last call is answered.
func TestWhatWasWrittenBeforeTheDrainIsAnswered(t *testing.T) {
	entered, leave := make(chan *Call, 1), make(chan struct{})
	s, err := NewServer(HandlerFunc(func(c *Call) {
		entered <- c
		<-leave // a handler never blocks; this one stands for a reader that was not scheduled
		c.Reply([]byte("1"))
	}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(context.Background(), l) }()
	h := (&testServer{addr: l.Addr().String()}).dial(t)
	h.send(request(0, "first", ""))
	conn := (<-entered).Conn
	for i := 1; i <= 20; i++ {
		h.send(request(i, "late", ""))
	}
	drained := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() { drained <- s.Drain(ctx) }()
	eventually(t, "the connection draining", func() bool {
		conn.mu.Lock()
		defer conn.mu.Unlock()
		return conn.draining
	})
	close(leave)
	if got := h.line(); got != `{"jsonrpc":"2.0","id":0,"result":1}` {
		t.Error(got)
	}
	for i := 1; i <= 20; i++ {
		h.wantError(h.answer(), fmt.Sprint(i), KindShuttingDown)
	}
	h.eof()
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(h, "\n"); err == nil {
		t.Error("a host could still write to a connection that is over")
	}
}
