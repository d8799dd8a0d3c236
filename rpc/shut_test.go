package rpc

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestShutAnswersWhoCameInAndAcceptsNobodyElse: the call of a host that was in
// is answered before Shut returns; one that knocks later is left to wait.
func TestShutAnswersWhoCameInAndAcceptsNobodyElse(t *testing.T) {
	held := make(chan *Call, 1)
	s, err := NewServer(HandlerFunc(func(c *Call) { held <- c }), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), kept{l.(*net.UnixListener)}) }()
	first, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	answered := make(chan error, 1)
	go func() { answered <- first.Call(t.Context(), "f", nil, nil) }()
	call := <-held
	shut := make(chan struct{})
	go func() {
		s.Shut(t.Context())
		close(shut)
	}()
	select {
	case <-shut:
		t.Fatal("Shut returned with a first call in flight")
	case <-time.After(2 * unaskedPatience):
	}
	call.Reply([]byte("1"))
	<-shut
	if err := <-answered; err != nil {
		t.Errorf("the call of a host that was in: %v", err)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestShutDoesNotWaitForThoseWhoAskNothing for longer than it takes to ask.
func TestShutDoesNotWaitForThoseWhoAskNothing(t *testing.T) {
	s, err := NewServer(HandlerFunc(func(*Call) {}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	served := make(chan error, 1)
	go func() { served <- s.ServeConn(context.Background(), theirs) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s.Shut(ctx)
	if ctx.Err() != nil {
		t.Error("Shut waited for a connection that asked nothing")
	}
	s.Close()
	_ = ours.Close() // it may come only now, and be told that it is too late
	if err := <-served; err != nil {
		t.Logf("the connection ended: %v", err)
	}
}
