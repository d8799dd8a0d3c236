package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	startLimit = 20 * time.Second
	stopLimit  = 40 * time.Second // the drain's own grace, and a little
	knockEvery = 2 * time.Millisecond
)

// daemon is the program under demonstration.
type daemon struct {
	dir, socket, control string

	cmd    *exec.Cmd
	log    bytes.Buffer
	exited chan error
}

func startDaemon(ctx context.Context, program, python, modules string) (*daemon, error) {
	dir, err := os.MkdirTemp("", "mochi-demo")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the sockets: %w", err)
	}
	d := &daemon{dir: dir, socket: filepath.Join(dir, "rpc.sock"), control: filepath.Join(dir, "ctl.sock"), exited: make(chan error, 1)}
	if modules, err = filepath.Abs(modules); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// Absolute, and its links left alone: a virtual environment is known by the
	// path it is started under.
	if python, err = exec.LookPath(python); err != nil {
		return nil, errors.Join(fmt.Errorf("the interpreter: %w", err), os.RemoveAll(dir))
	}
	if python, err = filepath.Abs(python); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	d.cmd = exec.CommandContext(ctx, program, "serve", "--socket", d.socket, "--control-socket", d.control, "--python", python, "--python-path", modules, "--workers", "2")
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	d.cmd.WaitDelay = stopLimit
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	if err := d.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), os.RemoveAll(dir))
	}
	go func() { d.exited <- d.cmd.Wait() }()
	if err := d.accepting(); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// accepting knocks until both sockets answer.
func (d *daemon) accepting() error {
	knock := time.NewTicker(knockEvery)
	defer knock.Stop()
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); <-knock.C {
		select {
		case err := <-d.exited:
			d.exited <- err
			return errors.New("the daemon ended before it listened")
		default:
		}
		if open(d.control) && open(d.socket) {
			return nil
		}
	}
	return fmt.Errorf("the daemon did not listen within %s", startLimit)
}

func open(path string) bool {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// stop ends the daemon as a service manager does; its log is shown when it did
// not end well.
func (d *daemon) stop() error {
	defer os.RemoveAll(d.dir)
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended: Wait tells
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	var err error
	select {
	case err = <-d.exited:
	case <-timer.C:
		_ = d.cmd.Process.Kill()
		err = fmt.Errorf("no end within %s of SIGTERM: %w", stopLimit, <-d.exited)
	}
	if err != nil {
		return fmt.Errorf("the daemon ended badly: %w; its log:\n%s", err, d.log.String())
	}
	return nil
}
