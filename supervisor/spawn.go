//go:build unix

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// MarkVariable is put into every worker's environment. It names the daemon and
// the spawn, is inherited by all that the worker starts, and is how a process
// that left the worker's group is known for the worker's when it is handed to
// the daemon to bury (strays_linux.go). It says nothing else and is no secret.
const MarkVariable = "MOCHI_PYD_WORKER"

// markPrefix is this daemon's part of every mark: random, because a daemon in a
// container may bear the process number of the one that it runs under.
var markPrefix = strconv.FormatUint(rand.Uint64(), 36) + "."

// OS is the Spawner of the real operating system. There is one in a process,
// and it lives as long: the parent-death signal of every worker is bound to
// the thread that spawned it, so that thread must never end.
func OS() Spawner {
	theOS.once.Do(func() {
		oomKills.watch()
		theOS.requests = make(chan *spawnRequest)
		go theOS.spawnForever()
	})
	return &theOS
}

var theOS osSpawner

// osSpawner performs every spawn on one goroutine, locked to one thread.
type osSpawner struct {
	once     sync.Once
	requests chan *spawnRequest
	serial   atomic.Uint64
	alive    atomic.Int64 // processes that somebody waits for
	graves   graves
}

type spawnRequest struct {
	cmd  *exec.Cmd
	done chan error // buffered: the spawner never waits for who asked
}

// spawnForever is the pinned goroutine. What it sets on its thread (no new
// privileges) the workers inherit, and the daemon's other threads do not: a
// setuid program is as inert for a worker as it should be, while the daemon
// stays free to do what its unit file lets it.
func (s *osSpawner) spawnForever() {
	go makeThreads(spareThreads)
	runtime.LockOSThread()
	thread := prepareThread()
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, syscall.SIGCHLD)
	sweep := time.NewTimer(sweepPause)
	var spare threads
	var kills <-chan time.Time // nil where the kernel keeps no count
	if oomKills.counts() {
		kills = time.NewTicker(oomLook).C
	}
	for {
		select {
		case r := <-s.requests:
			if thread != nil {
				r.done <- thread
				continue
			}
			r.done <- r.cmd.Start()
			spare.used(int(s.alive.Load()) + 1)
		case now := <-kills:
			oomKills.age(now)
		case <-deaths:
			sweep.Reset(sweepPause) // a storm of deaths is one sweep
		case <-sweep.C:
			if again := s.graves.sweep(); again > 0 {
				sweep.Reset(again)
			}
		}
	}
}

// sweepPause is how long after a death the dead are looked for that nobody
// waits for.
const sweepPause = 100 * time.Millisecond

// Spawn starts the command. A spawn that has begun is waited for: an answer of
// "cancelled" with a live process behind it would help nobody.
func (s *osSpawner) Spawn(ctx context.Context, c Command, f Files) (Process, error) {
	mark := s.mark()
	env := make([]string, 0, len(c.Env)+1)
	cmd := &exec.Cmd{
		Path:        c.Path,
		Args:        append([]string{c.Path}, c.Args...),
		Env:         append(append(env, c.Env...), MarkVariable+"="+mark),
		Dir:         c.Dir,
		Stdin:       f.Stdin,
		Stdout:      f.Stdout,
		Stderr:      f.Stderr,
		ExtraFiles:  f.Extra,
		SysProcAttr: processAttributes(),
	}
	r := &spawnRequest{cmd: cmd, done: make(chan error, 1)}
	s.graves.born(mark)
	select {
	case s.requests <- r:
	case <-ctx.Done():
		s.graves.gone(mark)
		return nil, context.Cause(ctx)
	}
	if err := <-r.done; err != nil {
		s.graves.gone(mark)
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	s.graves.leads(mark, cmd.Process.Pid)
	s.alive.Add(1)
	return &osProcess{cmd: cmd, pid: cmd.Process.Pid, mark: mark, graves: &s.graves, alive: &s.alive}, nil
}

// mark makes the mark of one process. All have the same length, because a
// forked worker writes its own over its parent's.
func (s *osSpawner) mark() string { return fmt.Sprintf("%s%010d", markPrefix, s.serial.Add(1)) }

// osProcess is one process that this spawner started.
type osProcess struct {
	cmd    *exec.Cmd
	pid    int
	mark   string
	graves *graves
	alive  *atomic.Int64

	mu     sync.Mutex
	reaped bool // its numbers may belong to someone else by now
}

func (p *osProcess) Pid() int { return p.pid }

// Wait also ends the process's group (reapLeader).
func (p *osProcess) Wait() WaitStatus {
	err := p.reapLeader()
	p.alive.Add(-1)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return WaitStatus{ExitCode: -1, Err: fmt.Errorf("wait for process %d: %w", p.pid, err)}
	}
	return statusOf(p.cmd.ProcessState)
}

// Bury ends what has left the group.
func (p *osProcess) Bury() { p.graves.bury(p.pid, p.mark) }

func statusOf(s *os.ProcessState) WaitStatus {
	status := WaitStatus{ExitCode: s.ExitCode()}
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		status.Signal, status.Core = ws.Signal(), ws.CoreDump()
	}
	if ru, ok := s.SysUsage().(*syscall.Rusage); ok {
		status.MaxRSS = ru.Maxrss * rssUnit
	}
	return status
}

func (p *osProcess) Signal(sig syscall.Signal) error { return p.signal(p.pid, sig) }

func (p *osProcess) SignalGroup(sig syscall.Signal) error { return p.signal(-p.pid, sig) }

func (p *osProcess) signal(to int, sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return os.NewSyscallError("kill", unix.Kill(to, sig))
}
