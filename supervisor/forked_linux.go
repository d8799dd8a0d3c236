package supervisor

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// forkedProcess is a worker that a home has forked.
type forkedProcess struct {
	home   *home
	pid    int
	mark   string
	status chan WaitStatus // what the home says of its end

	mu     sync.Mutex
	reaped bool // its number may belong to someone else by now
	killed bool // and its death is waited for
}

func (p *forkedProcess) Pid() int { return p.pid }

// Wait is the home's word, and where the home is gone the kernel's.
func (p *forkedProcess) Wait() WaitStatus {
	defer p.home.exit()
	select {
	case status := <-p.status:
		return p.buriedByHome(status)
	case <-p.home.gone:
	}
	select {
	case status := <-p.status: // its last word
		return p.buriedByHome(status)
	default:
	}
	return p.orphaned()
}

// buriedByHome ends the group while the zombie keeps its number, and only then
// has the home reap it.
func (p *forkedProcess) buriedByHome(status WaitStatus) WaitStatus {
	p.mu.Lock()
	_ = unix.Kill(-p.pid, unix.SIGKILL) // ESRCH: nothing was left
	p.reaped = true
	p.mu.Unlock()
	p.home.reap(p.pid)
	select {
	case <-p.home.gone: // it will not come to it: the zombie is ours
		<-p.home.worker.Done()
		p.home.inherit()
	default:
	}
	return status
}

// orphaned ends a worker whose home is dead or about to be. Its number is its
// own: nobody reaps it but the home, which was not told to, and we.
func (p *forkedProcess) orphaned() WaitStatus {
	p.home.worker.suspect("it closed its socket")
	_ = p.SignalGroup(unix.SIGKILL)
	<-p.home.worker.Done() // from here on the worker is our child
	pid := p.pid
	var ws unix.WaitStatus
	var usage unix.Rusage
	var err error
	for {
		if _, err = unix.Wait4(pid, &ws, 0, &usage); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	if err != nil { // reaped with what else the home left behind
		return WaitStatus{ExitCode: -1, Signal: syscall.SIGKILL}
	}
	status := WaitStatus{ExitCode: ws.ExitStatus(), MaxRSS: usage.Maxrss * rssUnit}
	if ws.Signaled() {
		status.ExitCode, status.Signal, status.Core = -1, ws.Signal(), ws.CoreDump()
	}
	return status
}

// Bury ends what has left the group.
func (p *forkedProcess) Bury() { theOS.graves.bury(p.pid, p.mark) }

func (p *forkedProcess) Signal(sig syscall.Signal) error { return p.signal(p.pid, sig) }

func (p *forkedProcess) SignalGroup(sig syscall.Signal) error { return p.signal(-p.pid, sig) }

func (p *forkedProcess) signal(to int, sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	if sig == unix.SIGKILL && !p.killed {
		p.killed = true
		time.AfterFunc(doubtGrace, p.unheard)
	}
	return os.NewSyscallError("kill", unix.Kill(to, sig))
}

// unheard ends a home that does not tell of a death, because it was stopped or
// hangs: what waits for the worker's end must not wait for that.
func (p *forkedProcess) unheard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if st, ok := readStat(p.pid); !p.reaped && ok && st.state == 'Z' {
		p.home.worker.violate(fmt.Sprintf("it did not tell of the death of its worker %d", p.pid))
	}
}

// Kick goes to the main thread itself, as osProcess.Kick does.
func (p *forkedProcess) Kick() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("tgkill", unix.Tgkill(p.pid, p.pid, unix.SIGURG))
}
