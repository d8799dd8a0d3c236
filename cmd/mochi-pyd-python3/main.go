// Command mochi-pyd-python3 stands in for python3 on the PATH of a Mochi program
// (pkg run puts it there, under that name). Today's Mochi starts an interpreter
// for each call; the scripts that it writes for that are recognised and asked of
// the daemon instead, with the same output and exit status. Anything else, and
// whatever the daemon refuses before it has begun, is the real interpreter's.
//
//	script.go    which scripts are Mochi's, and what they ask for
//	answer.go    what the process would have printed, and how it would have ended
//	real.go      becoming the real interpreter
//
// It links nothing but the wire: most of a call is its own start.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/mochilang/mochi-pyd/rpc"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) (status int) {
	if asked, ok := recognise(args); ok {
		if e, ok := call(asked); ok {
			return e.end()
		}
	}
	return complain(exitNotFound, "%v", becomeReal(args))
}

// call asks the daemon; false when the real interpreter is to be asked, because
// no daemon is there or it did not begin.
func call(s script) (e ending, ok bool) {
	socket := os.Getenv(rpc.SocketVariable)
	if socket == "" {
		return ending{}, false
	}
	ctx := context.Background()
	caller, err := rpc.DialCaller(ctx, socket)
	if err != nil {
		return ending{}, false
	}
	defer caller.Close()
	result, err := caller.Call(ctx, "mochi.attr", s.params(), nil)
	var refused *rpc.Error
	switch {
	case err == nil:
		return answered(result), true
	case errors.As(err, &refused):
		return failed(refused)
	case errors.Is(err, rpc.ErrUnsent): // it was about to end
		return ending{}, false
	}
	// The daemon went away: whether the call ran is unknown, and it must not run
	// twice.
	return ending{status: complain(1, "the daemon went away before it answered: %v", err)}, true
}
