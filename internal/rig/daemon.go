package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	startLimit = 20 * time.Second // a race-enabled binary on a busy machine
	stopLimit  = 40 * time.Second // the drain's own grace, and a little
	tick       = 2 * time.Millisecond
)

// Options are what a test wants of its daemon; the zero value of each is the
// program's own default.
type Options struct {
	Binary     string
	Python     string
	PythonPath string
	Workers    int
	Config     string   // text of a configuration file
	Args       []string // more flags of serve
	Env        []string // more of the environment
}

// Daemon is one running mochi-pyd serve, on sockets of its own.
type Daemon struct {
	Binary  string
	Socket  string
	Control string
	Log     *Book // its stderr
	Said    *Book // its stdout: what it tells the person who started it

	options Options
	dir     string
	cmd     *exec.Cmd
	exited  chan struct{}
	status  error // of the process, once exited is closed
}

// Start runs the program and returns when its sockets accept.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	// Not the test's own temporary directory: a socket's path is short or no path.
	dir, err := os.MkdirTemp("", "mochi")
	if err != nil {
		return nil, fmt.Errorf("make the daemon's directory: %w", err)
	}
	d, err := start(ctx, o, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

// Again runs a second daemon with the same options on the same sockets, once
// the first is gone.
func (d *Daemon) Again(ctx context.Context) (*Daemon, error) { return start(ctx, d.options, d.dir) }

func start(ctx context.Context, o Options, dir string) (*Daemon, error) {
	d := &Daemon{
		Binary:  o.Binary,
		Socket:  filepath.Join(dir, "rpc.sock"),
		Control: filepath.Join(dir, "ctl.sock"),
		Log:     newBook(),
		Said:    newBook(),
		options: o,
		dir:     dir,
		exited:  make(chan struct{}),
	}
	args := []string{"serve", "--socket", d.Socket, "--control-socket", d.Control, "--log-format", "json", "--log-level", "debug"}
	if o.Config != "" {
		file := filepath.Join(dir, "config.toml")
		if err := os.WriteFile(file, []byte(o.Config), 0o600); err != nil {
			return nil, fmt.Errorf("write the configuration: %w", err)
		}
		args = append(args, "--config", file)
	}
	if o.Python != "" {
		args = append(args, "--python", o.Python)
	}
	if o.PythonPath != "" {
		args = append(args, "--python-path", o.PythonPath)
	}
	if o.Workers > 0 {
		args = append(args, "--workers", strconv.Itoa(o.Workers))
	}
	d.cmd = exec.CommandContext(ctx, o.Binary, append(args, o.Args...)...)
	d.cmd.Env = append(os.Environ(), o.Env...)
	d.cmd.Dir = dir
	d.cmd.Stdout, d.cmd.Stderr = d.Said, d.Log
	d.cmd.WaitDelay = time.Second // a leaked worker must not keep the log open for ever
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the daemon: %w", err)
	}
	go func() {
		d.status = d.cmd.Wait()
		close(d.exited)
	}()
	if err := d.accepting(); err != nil {
		return nil, errors.Join(err, d.Kill())
	}
	return d, nil
}

// accepting waits for both sockets. Their appearing is an event only for whoever
// watches the directory; connecting is the truth, and costs nothing.
func (d *Daemon) accepting() error {
	for _, path := range []string{d.Control, d.Socket} {
		ok := Until(startLimit, func() bool {
			select {
			case <-d.exited:
				return true
			default:
			}
			conn, err := net.Dial("unix", path)
			if err != nil {
				return false
			}
			return conn.Close() == nil
		})
		select {
		case <-d.exited:
			return fmt.Errorf("the daemon ended before it listened: %w\n%s", d.status, d.Log.Tail())
		default:
		}
		if !ok {
			return fmt.Errorf("the daemon did not listen on %s within %s\n%s", path, startLimit, d.Log.Tail())
		}
	}
	return nil
}

// PID is the daemon's own.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Exited is closed when the process is gone.
func (d *Daemon) Exited() <-chan struct{} { return d.exited }

// Stop ends it as a service manager does and removes its directory. It is an
// error when it has to be killed, or ends with a status.
func (d *Daemon) Stop() error {
	defer os.RemoveAll(d.dir)
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send SIGTERM: %w", err)
	}
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-d.exited:
	case <-timer.C:
		return errors.Join(fmt.Errorf("the daemon did not end within %s of SIGTERM", stopLimit), d.Kill())
	}
	if d.status != nil {
		return fmt.Errorf("the daemon ended with: %w", d.status)
	}
	return nil
}

// Kill is SIGKILL to the daemon alone, as the kernel or an operator sends it.
func (d *Daemon) Kill() error {
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the daemon: %w", err)
	}
	<-d.exited
	return nil
}

// Remove deletes the directory of a daemon that was killed.
func (d *Daemon) Remove() error { return os.RemoveAll(d.dir) }

// Until asks again and again until the condition holds, and says whether it
// did within the limit. It is for what is seen from outside and announces
// itself to nobody: another process's end, a number in a status.
func Until(limit time.Duration, holds func() bool) bool {
	deadline := time.Now().Add(limit)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		<-ticker.C
	}
}
