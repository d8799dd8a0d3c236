// Command mochi-pyd-embedded calls Python functions inside its own process:
// it loads the library of an interpreter and answers JSON-RPC 2.0 requests, one
// a line, on stdin and stdout.
//
//	mochi-pyd-embedded --python .venv/bin/python math
//	{"jsonrpc":"2.0","id":1,"method":"sqrt","params":[2]}
//
// It stands beside the daemon's binary and not in it: a program that loads
// libpython is dynamic, and the daemon is static.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/mochilang/mochi-pyd/internal/embedded"
)

// Statuses of the process.
const (
	statusFailed = 1
	statusUsage  = 2
)

func main() {
	os.Exit(run())
}

func run() int {
	flags := flag.NewFlagSet("mochi-pyd-embedded", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: mochi-pyd-embedded [--python P] [--path DIR]… [--per-call] MODULE…\n\nAnswers JSON-RPC 2.0 requests for the modules' functions, one a line, on stdin and stdout.")
		flags.PrintDefaults()
	}
	python := flags.String("python", "python3", "the interpreter whose library is loaded: a path, or a name on PATH")
	perCall := flags.Bool("per-call", false, "a fresh event loop for every coroutine")
	dir := flags.String("dir", "", "where the runtime's script is put: of whoever removes it (default: a directory that is removed at the end)")
	concurrency := flags.Int("concurrency", embedded.DefaultConcurrency, "calls at once")
	var path []string
	flags.Func("path", "a directory to import from, before all others; may be repeated", func(dir string) error {
		path = append(path, dir)
		return nil
	})
	if err := flags.Parse(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return statusUsage
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return statusUsage
	}
	if err := serve(*python, embedded.Options{Modules: flags.Args(), Dir: *dir, Path: path, PerCall: *perCall, Concurrency: *concurrency}); err != nil {
		fmt.Fprintf(os.Stderr, "mochi-pyd-embedded: %s\n", strings.TrimPrefix(err.Error(), "embedded: "))
		return statusFailed
	}
	return 0
}

func serve(python string, o embedded.Options) (err error) {
	in, out, err := takeStdio()
	if err != nil {
		return err
	}
	defer out.Close()
	i, err := embedded.Open(context.Background(), python, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	return i.Serve(in, out)
}

// takeStdio moves stdin and stdout away: what Python or C prints goes to
// stderr, and cannot get between the answers.
func takeStdio() (in, out *os.File, err error) {
	moved := [2]int{}
	for fd := range moved {
		if moved[fd], err = syscall.Dup(fd); err != nil {
			return nil, nil, fmt.Errorf("move descriptor %d away: %w", fd, err)
		}
		syscall.CloseOnExec(moved[fd])
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, fmt.Errorf("open the null device: %w", err)
	}
	defer null.Close()
	if err := replace(int(null.Fd()), 0); err != nil {
		return nil, nil, fmt.Errorf("replace stdin: %w", err)
	}
	if err := replace(2, 1); err != nil {
		return nil, nil, fmt.Errorf("replace stdout: %w", err)
	}
	return os.NewFile(uintptr(moved[0]), "requests"), os.NewFile(uintptr(moved[1]), "answers"), nil
}
