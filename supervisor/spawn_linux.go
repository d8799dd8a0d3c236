package supervisor

import (
	"errors"
	"math"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// rssUnit: Linux counts ru_maxrss in KiB.
const rssUnit = 1 << 10

// DumpSignal asks a worker for the stacks of all its threads, which
// faulthandler writes to its stderr. A realtime signal that nothing else uses:
// SIGUSR1 and the like belong to user code.
const DumpSignal = syscall.Signal(40)

// Kick goes to the main thread itself: Python runs its handlers there, and a
// signal that another thread took would not wake a call that sleeps.
func (p *osProcess) Kick() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("tgkill", unix.Tgkill(p.pid, p.pid, unix.SIGURG))
}

// muteness is why a worker may have shown no stack when it was asked to.
func muteness(pid int) string {
	st, ok := readStat(pid)
	switch {
	case !ok:
		return ""
	case st.state == 'T' || st.state == 't':
		return "the process was stopped (SIGSTOP, or a debugger)"
	case st.state == 'D':
		return "the process was in an uninterruptible sleep in the kernel"
	}
	return "the process did not answer the request for one"
}

// prepareThread readies the spawning thread, and through it the workers; and
// the process, so that orphans of its workers come to it and not to init.
func prepareThread() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", err)
	}
	// Every kernel that this runs on has it. What says that there is no such thing
	// is an emulator of another processor, under which everything else works; there
	// orphans go to init.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return os.NewSyscallError("prctl PR_SET_CHILD_SUBREAPER", err)
	}
	return sealDescriptors()
}

// sealDescriptors marks what this process inherited itself as close-on-exec:
// whoever started the daemon may have left anything open, and a worker gets no
// descriptor but its own. What Go opens is marked already.
func sealDescriptors() error {
	const first = 3
	if unix.CloseRange(first, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// processAttributes: a group of its own, to be killed as one, and SIGKILL when
// the spawning thread (so, the daemon) ends. Nothing here makes Go use clone3,
// which a unit with RestrictNamespaces= answers with ENOSYS.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// reapLeader waits for the death without reaping, kills what is left of the
// group while the dead leader still keeps the group's number from being given
// to anyone else, and only then reaps.
func (p *osProcess) reapLeader() error {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = unix.Kill(-p.pid, unix.SIGKILL) // ESRCH: nothing was left
	p.reaped = true
	return p.cmd.Wait()
}
