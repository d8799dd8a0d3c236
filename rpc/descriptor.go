package rpc

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// pollable gives the raw connection of a socket or pipe that is in non-blocking
// mode; nil for everything else. A blocking descriptor must not be tried raw:
// the try would block the goroutine that was promised it never does.
func pollable(v any) syscall.RawConn {
	c, ok := v.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	nonblocking := false
	err = raw.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		nonblocking = err == nil && flags&unix.O_NONBLOCK != 0
	})
	if err != nil || !nonblocking {
		return nil
	}
	return raw
}

// retry repeats a system call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// waitHangup blocks until the peer is gone altogether, and not merely done
// writing. Both read as end-of-file, but only the first leaves nobody to answer:
// a full close shows as POLLHUP, a half-close does not. The poller wakes the
// goroutine at each change of the descriptor, so this is an event and no loop.
// It returns false when the wait itself ended (the descriptor was closed on our
// side, or its read deadline passed).
func waitHangup(raw syscall.RawConn) bool {
	gone := false
	err := raw.Read(func(fd uintptr) bool {
		gone = hungUp(int(fd))
		return gone
	})
	return err == nil && gone
}

func hungUp(fd int) bool {
	set := []unix.PollFd{{Fd: int32(fd)}}
	n, err := retry(func() (int, error) { return unix.Poll(set, 0) })
	return err == nil && n > 0 && set[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
}
