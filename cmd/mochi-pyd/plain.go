package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/mochilang/mochi-pyd/rpc"
)

// plain is text that a terminal only shows. Messages and tracebacks hold what
// modules and their data say, and an escape sequence in one could rewrite what
// an operator has read, or type for them; so could the characters that turn the
// direction of writing. Lines and tabs stay.
func plain(s string) string {
	if strings.IndexFunc(s, steering) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !steering(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func steering(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsGraphic(r) }

// leftBehind is what a worker that is gone has left, as an error's data has it.
type leftBehind struct {
	Stack      string   `json:"stack"`
	StderrTail []string `json:"stderr_tail"`
}

// remains shows it under the message that speaks of it.
func remains(e *rpc.Error) string {
	if kind := e.Kind(); kind != rpc.KindWorkerLost && kind != rpc.KindPoolUnavailable {
		return ""
	}
	var left leftBehind
	_ = json.Unmarshal(e.Data, &left) // what cannot be read is not shown
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
			b.WriteString("\n  " + what + ":\n    " + strings.Join(lines, "\n    "))
		}
	}
	show("its last lines", tail)
	show("where it was", stack)
	return b.String()
}
