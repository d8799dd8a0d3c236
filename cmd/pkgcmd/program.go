package pkgcmd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// The commands that a program's run needs beside ours.
const (
	mochiCommand   = "mochi"
	standInCommand = "mochi-pyd-python3"
)

// stopGrace is how long a program that was told to end has to do so.
const stopGrace = 5 * time.Second

// runProgram has mochi run the program, with our python3 first on its PATH.
func (o *options) runProgram(ctx context.Context, p *plan, b *backend) error {
	mochi, err := exec.LookPath(mochiCommand)
	if err != nil {
		return exitf(ExitFailed, "%s is run by the mochi command, which is not on PATH: install Mochi, or call one function: pkg run MODULE.FUNCTION", p.program)
	}
	path, err := b.path()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, mochi, append([]string{"run", p.program}, p.words...)...)
	cmd.Env = append(os.Environ(),
		"PATH="+path, rpc.SocketVariable+"="+b.socket, "MOCHI_PYD_PYTHON="+b.env.interpreter.Path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.in, o.out, o.err
	// What a terminal sends reaches the program by itself; what is sent to us
	// alone is passed on.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return &ExitError{Code: statusOf(exit), Err: err, Quiet: true}
	}
	return exitf(ExitFailed, "run mochi: %w", err)
}

// statusOf is the program's exit status, as a shell would give it.
func statusOf(e *exec.ExitError) int {
	if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return e.ExitCode()
}

// path is PATH with the stand-in first, under the name python3.
func (b *backend) path() (string, error) {
	program, err := beside(standInCommand)
	if err != nil {
		return "", err
	}
	dir, err := b.directory()
	if err != nil {
		return "", err
	}
	if err := os.Symlink(program, filepath.Join(dir, "python3")); err != nil {
		return "", exitf(ExitFailed, "put python3 first on PATH: %w", err)
	}
	return dir + string(filepath.ListSeparator) + os.Getenv("PATH"), nil
}

// beside finds a command of ours: beside the running one, else on PATH.
func beside(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			path := filepath.Join(filepath.Dir(real), name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", exitf(ExitFailed, "%s is neither beside this program nor on PATH: install them together (make build makes both)", name)
	}
	return filepath.Abs(path)
}
