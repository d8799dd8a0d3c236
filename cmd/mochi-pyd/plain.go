package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/mochilang/mochi-pyd/internal/cells"
	"github.com/mochilang/mochi-pyd/rpc"
)

// plain is text that a terminal only shows.
func plain(s string) string { return cells.Plain(s) }

// leftBehind is what a worker that is gone has left, as an error's data has it.
type leftBehind struct {
	Stack      string   `json:"stack"`
	StderrTail []string `json:"stderr_tail"`
	Traceback  string   `json:"traceback"`
}

// remains shows it under the message that speaks of it.
func remains(e *rpc.Error) string {
	var left leftBehind
	switch e.Kind() {
	case rpc.KindWorkerLost, rpc.KindPoolUnavailable:
		_ = json.Unmarshal(e.Data, &left) // what cannot be read is not shown
	case rpc.KindDeadlineExceeded:
		_ = json.Unmarshal(e.Data, &left)
		left.Stack = ofTheCall(left.Stack)
	case rpc.KindImportFailed:
		_ = json.Unmarshal(e.Data, &left)
		if !strings.Contains(left.Traceback, "  File ") { // a module that is not there: the message is all of it
			return ""
		}
		left = leftBehind{Traceback: strings.TrimRight(left.Traceback, "\n")}
	default:
		return ""
	}
	inStack := map[string]bool{"": true}
	stack := strings.Split(strings.Trim(left.Stack, "\n"), "\n")
	for _, line := range stack {
		inStack[line] = true
	}
	// The stack was written to stderr, too: once is enough.
	tail := slices.DeleteFunc(left.StderrTail, func(line string) bool { return inStack[line] })
	var b strings.Builder
	show := func(what string, lines []string) {
		if len(lines) > 0 && lines[0] != "" {
			b.WriteString("\n  " + what + ":\n    " + strings.ReplaceAll(strings.Join(lines, "\n"), "\n", "\n    "))
		}
	}
	show("its last lines", tail)
	show("where it was", stack)
	show("what Python said", strings.Split(left.Traceback, "\n"))
	return b.String()
}

// ofTheCall is the part of a stack that the call was in: the other threads are
// the runtime's own.
func ofTheCall(stack string) string {
	for part := range strings.SplitSeq(stack, "\n\n") {
		if strings.HasPrefix(part, "Current ") {
			return part
		}
	}
	return stack
}
