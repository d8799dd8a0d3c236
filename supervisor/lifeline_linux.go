package supervisor

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// reopen gives a new open file of the same pipe end, with flags and an owner of
// its own.
func reopen(read *os.File) (again *os.File, err error) {
	err = withFd(read, func(fd int) error {
		again, err = os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDONLY|unix.O_NONBLOCK, 0)
		return err
	})
	return again, err
}

// armLifeline makes the kernel send SIGKILL to the worker's whole group when
// the last write end of the lifeline goes away, which is when the daemon does.
// The parent-death signal alone reaches the worker and not its forks, and
// end-of-file alone needs a worker that reads: one that holds the GIL in C
// does not.
//
// The worker arms the same open pipe itself as it comes up. The daemon arms it
// too and keeps its copy, because user code that closes all descriptors would
// otherwise close the only one that is armed.
func armLifeline(read *os.File, pgid int) error {
	return withFd(read, func(fd int) error {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETOWN, -pgid); err != nil {
			return os.NewSyscallError("fcntl F_SETOWN", err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETSIG, int(unix.SIGKILL)); err != nil {
			return os.NewSyscallError("fcntl F_SETSIG", err)
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return os.NewSyscallError("fcntl F_GETFL", err)
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|unix.O_ASYNC)
		return os.NewSyscallError("fcntl F_SETFL", err)
	})
}

// disarmLifeline is for the worker that is dead already. What it forked may
// hold the pipe still, and is another's to kill.
func disarmLifeline(read *os.File) {
	_ = withFd(read, func(fd int) error {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err == nil {
			_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags&^unix.O_ASYNC)
		}
		return err
	})
}

// orderLifeline sees to it that the read end is numbered below the write end.
// A dying process puts its descriptors down in an order in which the other way
// round the read end is gone before the last writer is, and nothing fires
// (measured; TestDaemonKilledTakesWorkersAlong holds it).
func (w *wire) orderLifeline() error {
	var r, wr int
	if err := withFd(w.lifeRead, func(fd int) error { r = fd; return nil }); err != nil {
		return err
	}
	if err := withFd(w.life, func(fd int) error { wr = fd; return nil }); err != nil {
		return err
	}
	if r < wr {
		return nil
	}
	higher, err := unix.FcntlInt(uintptr(wr), unix.F_DUPFD_CLOEXEC, r+1)
	if err != nil {
		return os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
	}
	moved := os.NewFile(uintptr(higher), "daemon's end")
	for i, f := range w.ours {
		if f == w.life {
			w.ours[i] = moved
		}
	}
	_ = w.life.Close()
	w.life = moved
	return nil
}
