package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/cmd/pkgcmd"
	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/internal/words"
	"github.com/mochilang/mochi-pyd/rpc"
)

// The exit codes. A command that reads a configuration says usage and config
// with sysexits' numbers, so that a service manager can tell "wrong" from
// "failed" and not start it again.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotReady    = 3
	exitUnreachable = 4
	exitNoSuch      = 5
	exitPermission  = 6
	exitTimeout     = 7
	exitServeUsage  = 64
	exitConfig      = 78
	exitInterrupted = 130
)

// exitCodes say what each of them means, for the manual.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitOK, "it is done"},
	{exitFailed, "it failed: a Python exception, a refusal, a check that found something"},
	{exitUsage, "wrong usage: a command, a flag or a word that is not there"},
	{exitNotReady, "status: the daemon drains, or a declared pool has no ready worker or is paused"},
	{exitUnreachable, "there is no daemon to ask: no socket, a stale one, or one that went away"},
	{exitNoSuch, "there is no such pool or worker"},
	{exitPermission, "it is not allowed: the socket's permissions, or the daemon says so"},
	{exitTimeout, "the time to wait was over: --timeout, or a call's deadline"},
	{exitServeUsage, "wrong usage of a command that reads a configuration or manifest"},
	{exitConfig, "a configuration or manifest is wrong: the message has its line and column"},
	{exitInterrupted, "interrupted by ctrl-C or SIGTERM"},
}

// exit is an error that knows its code. A quiet one has been told already.
type exit struct {
	code  int
	err   error
	quiet bool
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

func exitf(code int, format string, args ...any) error {
	return &exit{code: code, err: fmt.Errorf(format, args...)}
}

// readsConfig marks the commands that read a configuration, in their
// annotations.
const readsConfig = "reads-config"

// explain turns a command's error into an exit code and what to print.
func explain(cmd *cobra.Command, err error) (code int, message string) {
	var known *exit
	var ended *pkgcmd.ExitError
	var wrong config.Errors
	var dial *sock.DialError
	var remote *rpc.Error
	var unwritten *fs.PathError
	// A marked number may be in the message as it is, or quoted.
	say := "mochi-pyd: " + words.Unmark(err.Error())
	switch {
	case errors.As(err, &known):
		if known.quiet {
			return known.code, ""
		}
		return known.code, say
	case errors.As(err, &ended):
		return explainRun(ended)
	case errors.As(err, &wrong):
		return exitConfig, err.Error() // it begins with its place, for editors that jump there
	case errors.As(err, &dial):
		if dial.Trouble == sock.Forbidden {
			return exitPermission, say
		}
		if before, _, starts := strings.Cut(say, startLine); starts { // it may be another trouble
			if with := startsWith(cmd, dial.Path); with != "" {
				say = before + with
			}
		}
		return exitUnreachable, say
	case errors.As(err, &remote):
		return remoteCode(remote), "mochi-pyd: " + sentence(remote)
	case errors.Is(err, context.Canceled):
		return exitInterrupted, "mochi-pyd: interrupted"
	case errors.As(err, &unwritten):
		return exitFailed, say // a full disk behind standard output is nobody's usage
	}
	// What is left comes from cobra: a flag or a word that is not there.
	code = exitUsage
	if cmd.Annotations[readsConfig] != "" {
		code = exitServeUsage
	}
	return code, fmt.Sprintf("%s; see %s --help", say, cmd.CommandPath())
}

// explainRun is explain for pkg run, whose errors know their status.
func explainRun(e *pkgcmd.ExitError) (code int, message string) {
	var wrong config.Errors
	var remote *rpc.Error
	switch {
	case e.Quiet:
		return e.Code, ""
	case errors.As(e.Err, &remote): // what stands around it says which line of the program asked
		return e.Code, "mochi-pyd: " + words.Unmark(strings.Replace(e.Error(), remote.Error(), sentence(remote), 1))
	case errors.As(e.Err, &wrong): // it begins with its place
		return e.Code, e.Err.Error()
	}
	return e.Code, "mochi-pyd: " + words.Unmark(e.Error())
}

// startLine begins what is to be typed where no daemon listens.
const startLine = "mochi-pyd serve"

// startsWith is the command whose daemon listens on the path that this one did
// not reach, when flags or the service's directory say more of it than the path.
func startsWith(cmd *cobra.Command, path string) string {
	flag := func(name string) string {
		if f := cmd.Flag(name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	switch host, control, file := flag("socket"), flag("control-socket"), flag("config"); {
	case filepath.Dir(path) == sock.SystemDir:
		return "sudo systemctl restart mochi-pyd"
	case control == path:
		return startLine + " --control-socket " + path
	case host != "":
		return startLine + " --socket " + host
	case file != "":
		return startLine + " --config " + file
	}
	// Said whole: whoever types it may do so in another shell.
	if host := os.Getenv(sock.HostVariable); host != "" && path == sock.Beside(host) && os.Getenv(sock.ControlVariable) == "" {
		return startLine + " --socket " + host
	}
	return ""
}
