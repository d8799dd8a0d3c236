package rpc

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A host that has connected, and may have written its request, knows nothing of
// the queue it stands in until somebody accepts it. Closing the listener would
// end its connection without a word; so an ending server accepts those first.

// maxBacklog bounds how many are accepted then: the longest queue a listener
// gets by default. Without it hosts that keep connecting could keep us.
const maxBacklog = 4096

// acceptPatience is for an accept of which the kernel has just said that it
// need not wait.
const acceptPatience = time.Second

// Doorkeeper is a listener that can be told that no more are wanted, before it
// is closed.
type Doorkeeper interface {
	// Shut makes the address unreachable. It is false when somebody else keeps
	// the socket open, a service manager: what waits in it is then the next
	// server's to answer, and is left there.
	Shut() bool
}

// backlog is what a listener must offer for its queue to be seen.
type backlog interface {
	syscall.Conn
	SetDeadline(time.Time) error
}

// backlogOf gives it; nil when l offers none, or cannot be looked into.
func backlogOf(l net.Listener) backlog {
	if q, ok := l.(backlog); ok && pollable(q) != nil {
		return q
	}
	return nil
}

// acceptWaiting accepts what is queued and does not wait for more.
func acceptWaiting(l net.Listener, serve func(net.Conn)) error {
	if d, ok := l.(Doorkeeper); ok && !d.Shut() {
		return nil
	}
	q := backlogOf(l)
	if q == nil {
		return nil
	}
	raw := pollable(q)
	for range maxBacklog {
		if !waiting(raw) {
			return nil
		}
		if err := q.SetDeadline(time.Now().Add(acceptPatience)); err != nil {
			return err
		}
		c, err := l.Accept()
		switch {
		case err == nil:
			serve(c)
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ECONNABORTED):
		default:
			return err
		}
	}
	return nil
}

// waiting says that an accept would not block.
func waiting(raw syscall.RawConn) (yes bool) {
	err := raw.Control(func(fd uintptr) {
		set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := retry(func() (int, error) { return unix.Poll(set, 0) })
		yes = err == nil && n > 0 && set[0].Revents&unix.POLLIN != 0
	})
	return err == nil && yes
}
