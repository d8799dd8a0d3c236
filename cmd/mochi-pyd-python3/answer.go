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

// answered is the end of a call that was answered.
func answered(raw []byte) func() {
	var printed rpc.AttrResult
	if err := json.Unmarshal(raw, &printed); err != nil {
		return func() { die("the daemon's answer cannot be read: %v", err) }
	}
	return func() {
		_, err := os.Stdout.WriteString(printed.Out)
		if printed.Failed || err != nil {
			fmt.Fprint(os.Stderr, printed.Text)
			os.Exit(1)
		}
		os.Exit(0)
	}
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
func failed(e *rpc.Error) (end func(), ok bool) {
	var t trouble
	_ = json.Unmarshal(e.Data, &t) // what cannot be read is not there
	began := t.Started != nil && *t.Started
	switch {
	case e.Kind() == rpc.KindPythonError && t.Type == "SystemExit":
		return func() { leave(t.Args) }, true
	case e.Kind() == rpc.KindPythonError:
		return func() {
			fmt.Fprintln(os.Stderr, strings.TrimRight(t.Text, "\n"))
			if t.Type == "KeyboardInterrupt" {
				kill(syscall.SIGINT)
			}
			os.Exit(1)
		}, true
	case e.Kind() == rpc.KindWorkerLost && began:
		return func() {
			fmt.Fprintln(os.Stderr, e.Message)
			if sig := signalOf(t.Signal); sig != 0 {
				kill(sig)
			}
			if t.ExitCode != nil {
				os.Exit(*t.ExitCode)
			}
			os.Exit(1)
		}, true
	case began:
		return func() { die("%s", e.Message) }, true
	}
	return nil, false
}

// leave ends as sys.exit(…) does: nothing is 0, a number itself, and anything
// else is printed.
func leave(args []json.RawMessage) {
	if len(args) == 0 || string(args[0]) == "null" {
		os.Exit(0)
	}
	var code int
	if json.Unmarshal(args[0], &code) == nil {
		os.Exit(code & 0xff)
	}
	switch string(args[0]) { // a bool is a number
	case "true":
		os.Exit(1)
	case "false":
		os.Exit(0)
	}
	var text string
	if json.Unmarshal(args[0], &text) != nil {
		text = string(args[0])
	}
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}

// kill ends the process as its like was ended; a dump of core would be of the
// wrong process.
func kill(sig syscall.Signal) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	becomeKillable(sig)
	_ = syscall.Kill(os.Getpid(), sig)
	os.Exit(128 + int(sig))
}

func die(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "mochi-pyd's python3: "+format+"\n", args...)
	os.Exit(1)
}
