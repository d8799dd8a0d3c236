package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/mochilang/mochi-pyd/rpc"
)

// exitNotFound is a shell's word for a command that is not there.
const exitNotFound = 127

// ending is how the interpreter would have ended: with a status, or by a signal.
type ending struct {
	status int
	signal syscall.Signal
}

// end gives the status, unless the process ends as its like was ended; a dump of
// core would be of the wrong process.
func (e ending) end() int {
	if e.signal == 0 {
		return e.status
	}
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	becomeKillable(e.signal)
	_ = syscall.Kill(os.Getpid(), e.signal)
	return 128 + int(e.signal)
}

// answered is the end of a call that was answered.
func answered(raw []byte) ending {
	var printed rpc.AttrResult
	if err := json.Unmarshal(raw, &printed); err != nil {
		return ending{status: complain(1, "the daemon's answer cannot be read: %v", err)}
	}
	_, err := os.Stdout.WriteString(printed.Out)
	if printed.Failed || err != nil {
		fmt.Fprint(os.Stderr, printed.Text)
		return ending{status: 1}
	}
	return ending{}
}

// trouble is what is read of an error's data.
type trouble struct {
	Type     string            `json:"type"`
	Args     []json.RawMessage `json:"args"`
	Text     string            `json:"text"`
	Started  *bool             `json:"started"`
	Signal   json.RawMessage   `json:"signal"`
	ExitCode *int              `json:"exit_code"`
}

// failed is the end of a call that failed; false when it had not begun, and the
// real interpreter can be asked.
func failed(e *rpc.Error) (end ending, ok bool) {
	var t trouble
	_ = json.Unmarshal(e.Data, &t) // what cannot be read is not there
	began := t.Started != nil && *t.Started
	switch {
	case e.Kind() == rpc.KindPythonError && t.Type == "SystemExit":
		return left(t.Args), true
	case e.Kind() == rpc.KindPythonError:
		fmt.Fprintln(os.Stderr, strings.TrimRight(t.Text, "\n"))
		if t.Type == "KeyboardInterrupt" {
			return ending{signal: syscall.SIGINT}, true
		}
		return ending{status: 1}, true
	case e.Kind() == rpc.KindWorkerLost && began:
		fmt.Fprintln(os.Stderr, e.Message)
		end = ending{status: 1, signal: signalOf(t.Signal)}
		if t.ExitCode != nil {
			end.status = *t.ExitCode
		}
		return end, true
	case began:
		return ending{status: complain(1, "%s", e.Message)}, true
	}
	return ending{}, false
}

// left is the end that sys.exit(…) makes: nothing is 0, a number itself, and
// anything else is printed.
func left(args []json.RawMessage) ending {
	if len(args) == 0 || string(args[0]) == "null" {
		return ending{}
	}
	var code int
	if json.Unmarshal(args[0], &code) == nil {
		return ending{status: code & 0xff}
	}
	switch string(args[0]) { // a bool is a number
	case "true":
		return ending{status: 1}
	case "false":
		return ending{}
	}
	var text string
	if json.Unmarshal(args[0], &text) != nil {
		text = string(args[0])
	}
	fmt.Fprintln(os.Stderr, text)
	return ending{status: 1}
}

// complain says what is wrong with us, and gives the status.
func complain(status int, format string, args ...any) int {
	fmt.Fprintf(os.Stderr, "mochi-pyd's python3: "+format+"\n", args...)
	return status
}
