package rpc

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// canLinger: on one core, looking only keeps others from answering.
var canLinger = runtime.NumCPU() > 1

// yieldCore lets whoever waits for this core have it first.
func yieldCore() { _, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }

// lookAt looks at the descriptors until one is ready or the time is up, and
// gives the core away between two looks: who is to answer may wait for this very
// one. robbed says that somebody else needed it, and took says when.
func lookAt(fds []int, now time.Time, length time.Duration) (took time.Time, robbed bool) {
	var room [lingerPlaces]unix.PollFd
	set := room[:len(fds)]
	for i, fd := range fds {
		set[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	for end := now.Add(length); now.Before(end); {
		if n, err := unix.Poll(set, 0); n > 0 || err != nil {
			break
		}
		yieldCore()
		before := now
		if now = time.Now(); now.Sub(before) > lingerRobbed {
			return now, true
		}
	}
	return now, false
}
