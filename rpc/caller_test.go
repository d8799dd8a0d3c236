package rpc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

// peer is the other end of a Caller, spoken by hand.
func peer(t *testing.T, serve func(*net.UnixConn)) *rpc.Caller {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		conn, err := l.AcceptUnix()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		serve(conn)
	}()
	c, err := rpc.DialCaller(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestACallThatWasNotReadMayBeMadeElsewhere: a daemon that closes without having
// read the line cannot have begun the call; one that has read it may have.
func TestACallThatWasNotReadMayBeMadeElsewhere(t *testing.T) {
	unread := peer(t, func(conn *net.UnixConn) {
		one := make([]byte, 1)
		_, _ = conn.Read(one) // so that the line is there, and not all of it read
	})
	if _, err := unread.Call(t.Context(), "f", nil, nil); !errors.Is(err, rpc.ErrUnsent) || !errors.Is(err, rpc.ErrClosed) {
		t.Errorf("unread: %v", err)
	}
	read := peer(t, func(conn *net.UnixConn) {
		_, _ = bufio.NewReader(conn).ReadBytes('\n')
	})
	if _, err := read.Call(t.Context(), "f", nil, nil); errors.Is(err, rpc.ErrUnsent) || !errors.Is(err, rpc.ErrClosed) {
		t.Errorf("read: %v", err)
	}
}

// TestAContextThatEndsAfterTheAnswerEndsNoLaterCall: however close after.
func TestAContextThatEndsAfterTheAnswerEndsNoLaterCall(t *testing.T) {
	const rounds = 100
	for range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		c := peer(t, func(conn *net.UnixConn) {
			in := bufio.NewReader(conn)
			for id := 1; ; id++ {
				if _, err := in.ReadBytes('\n'); err != nil {
					return
				}
				_, _ = fmt.Fprintf(conn, `{"jsonrpc":"2.0","id":%d,"result":1}`+"\n", id)
				cancel()
			}
		})
		_, err := c.Call(ctx, "f", nil, nil)
		cancel()
		if err != nil {
			if !errors.Is(err, context.Canceled) { // it ended before the answer was read
				t.Fatal(err)
			}
		} else if _, err = c.Call(t.Context(), "f", nil, nil); err != nil {
			t.Fatalf("the call after: %v", err)
		}
		_ = c.Close()
	}
}

// TestACallThatNobodyReadsEndsWithItsContext: also when it is too long for the
// socket's buffer.
func TestACallThatNobodyReadsEndsWithItsContext(t *testing.T) {
	over := make(chan struct{})
	c := peer(t, func(*net.UnixConn) { <-over })
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	long := append(append([]byte(`["`), make([]byte, 8<<20)...), `"]`...)
	for i := 2; i < len(long)-2; i++ {
		long[i] = 'x'
	}
	go cancel()
	if _, err := c.Call(ctx, "f", long, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
