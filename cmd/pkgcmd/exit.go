package pkgcmd

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

// The exit statuses of pkg run; a program's own is passed on.
const (
	ExitFailed      = 1   // the function raised, or the program could not be run
	ExitUsage       = 64  // the command line is wrong
	ExitConfig      = 78  // the manifest is wrong, or asks for another interpreter
	ExitInterrupted = 130 // ctrl-C, SIGTERM or a hang-up
	exitUnread      = 128 + int(syscall.SIGPIPE)
)

// ExitError is an error that knows the process's exit status. A quiet one has
// been told already.
type ExitError struct {
	Code  int
	Err   error
	Quiet bool
}

// Error is the cause's.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives the cause.
func (e *ExitError) Unwrap() error { return e.Err }

func exitf(code int, format string, args ...any) error {
	return &ExitError{Code: code, Err: fmt.Errorf(format, args...)}
}

// ofManifest gives a manifest's mistakes their status.
func ofManifest(err error) error {
	var wrong tomldoc.Errors
	if errors.As(err, &wrong) {
		return &ExitError{Code: ExitConfig, Err: err}
	}
	return err
}
