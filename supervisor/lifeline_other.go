//go:build unix && !linux

package supervisor

import (
	"os"

	"golang.org/x/sys/unix"
)

// Elsewhere no signal can be bound to a pipe: end-of-file on the lifeline is
// all a worker gets, and it must be reading to see it.
func armLifeline(*os.File, int) error { return nil }

func disarmLifeline(*os.File) {}

func (w *wire) orderLifeline() error { return nil }

// reopen: nothing is armed here, so any opening of the pipe will do.
func reopen(read *os.File) (*os.File, error) {
	fd, err := unix.Dup(int(read.Fd()))
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), read.Name()), nil
}
