//go:build unix

package supervisor

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeEnd says which end of a pipe the daemon keeps.
type pipeEnd int

const (
	daemonReads pipeEnd = iota
	daemonWrites
)

// newPipe makes a pipe of which the daemon's end alone is non-blocking.
// os.Pipe would make both ends so, and os/exec would then turn the worker's
// end blocking again, one fcntl a descriptor; the flag belongs to each end.
func newPipe(end pipeEnd) (ours, theirs *os.File, err error) {
	r, w, err := rawPipe()
	if err != nil {
		return nil, nil, os.NewSyscallError("pipe", err)
	}
	mine, other := r, w
	if end == daemonWrites {
		mine, other = w, r
	}
	if err := unix.SetNonblock(mine, true); err != nil {
		_, _ = unix.Close(r), unix.Close(w)
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	growPipe(mine)
	// NewFile sees that the descriptor is non-blocking and gives it to the
	// runtime's poller.
	return os.NewFile(uintptr(mine), "daemon's end"), os.NewFile(uintptr(other), "worker's end"), nil
}

func setNonblock(f *os.File) error {
	return withFd(f, func(fd int) error {
		return os.NewSyscallError("fcntl", unix.SetNonblock(fd, true))
	})
}

// withFd runs do on the descriptor without taking it out of the poller, as
// File.Fd may.
func withFd(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := c.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}
