//go:build unix && !linux

package supervisor

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rssUnit: the BSDs count ru_maxrss in KiB, Darwin in bytes; the smaller guess
// is the one that alarms nobody.
const rssUnit = 1

// DumpSignal: there are no realtime signals everywhere, and the others belong
// to user code. A worker is killed without a dump here.
const DumpSignal = syscall.Signal(0)

// Kick goes to the process: there is no way to name a thread.
func (p *osProcess) Kick() error { return p.Signal(unix.SIGURG) }

func muteness(int) string { return "" }

// prepareThread: neither flag exists here.
func prepareThread() error { return nil }

// processAttributes: no parent-death signal here; the lifeline's end-of-file
// is what a worker that reads it gets.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// reapLeader: there is no wait without reaping here, so the group is killed a
// moment after its number was given up.
func (p *osProcess) reapLeader() error {
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = unix.Kill(-p.pid, unix.SIGKILL) // ESRCH: nothing was left
	p.reaped = true
	return err
}

// graves: without a subreaper nothing is handed to us to bury.
type graves struct{}

func (*graves) born(string) {}

func (*graves) gone(string) {}

func (*graves) leads(string, int) {}

func (*graves) sweep() time.Duration { return 0 }

func (*graves) bury(int, string) {}
