// Command mochi-pyd calls Python functions over a Unix socket, from worker
// processes that it supervises: the daemon (serve), a client (call), and what
// operators type (status, ps, restart).
package main

import (
	"fmt"
	"os"

	"github.com/mochilang/mochi-pyd/internal/words"
)

// version is stamped by the linker.
var version string

func main() { os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// execute is main without the process: what it prints and the exit code.
func execute(args []string, in *os.File, out, errs *os.File) int {
	a := &app{in: in, out: out, err: errs}
	root := a.root()
	root.SetArgs(words.Protect(args))
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	code, message := explain(cmd, err)
	if message != "" {
		fmt.Fprintln(errs, plain(message))
	}
	return code
}
