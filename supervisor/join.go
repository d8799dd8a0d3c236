package supervisor

import (
	"strings"
)

// logRecord is how big a joined record may get; then it is given out as it is.
const logRecord = 64 << 10

// The lines that hold a chain of exceptions together.
const (
	tracebackHead  = "Traceback (most recent call last):"
	duringHandling = "During handling of the above exception, another exception occurred:"
	directCause    = "The above exception was the direct cause of the following exception:"
)

// joinState is where a joiner is in the text that it puts together.
type joinState int

const (
	joinNone   joinState = iota
	joinFrames           // inside a traceback: indented lines, then the exception
	joinAfter            // behind the exception: the end, or a blank line and a chain
	joinBlank            // behind that blank line
	joinChain            // behind the word that chains: a blank line, the next traceback
	joinFatal            // faulthandler's report
)

// joiner makes one record of a traceback that came line by line, as C code and
// an interpreter that is going down print it. What a runtime that still works
// prints comes in one piece already.
//
// Only the shapes CPython prints are joined. Notes below the exception (PEP
// 678) and the further lines of its message look like any other line, and stay
// records of their own.
type joiner struct {
	state joinState
	entry parsedEntry
	text  strings.Builder
	group bool // an exception group: its own exception line is indented too
}

func (j *joiner) active() bool { return j.state != joinNone }

// begins starts a record if the line is the first of a joined one.
func (j *joiner) begins(l *logEntry) bool {
	e := l.parse()
	m := e.record.Message
	switch {
	case e.typed || strings.Contains(m, "\n"):
		return false
	case beginsFatal(m):
		j.state = joinFatal
	case beginsTraceback(m):
		j.state = joinFrames
		j.group = strings.Contains(m, "Exception Group")
	default:
		return false
	}
	j.entry = e
	j.text.Reset()
	j.text.WriteString(m)
	return true
}

// takes adds the line to the record if it belongs to it.
func (j *joiner) takes(l *logEntry) bool {
	m := ""
	if len(l.raw) > 0 {
		e := l.parse()
		if e.typed || e.call != j.entry.call || e.record.Stream != j.entry.record.Stream {
			return false
		}
		m = e.record.Message
	}
	if j.text.Len()+len(m) >= logRecord || strings.Contains(m, "\n") {
		return false
	}
	next, ok := j.after(m)
	if !ok {
		return false
	}
	j.state = next
	j.text.WriteByte('\n')
	j.text.WriteString(m)
	return true
}

// after is the grammar: what state the line leads to, or that it is not part.
func (j *joiner) after(m string) (joinState, bool) {
	blank := strings.TrimSpace(m) == ""
	indented := m != "" && (m[0] == ' ' || m[0] == '\t')
	switch j.state {
	case joinFrames:
		switch {
		case indented:
			return joinFrames, true
		case j.group && blank:
			return joinBlank, true
		case j.group:
			return joinNone, false
		}
		return joinAfter, true // the exception itself
	case joinAfter:
		return joinBlank, blank
	case joinBlank:
		return joinChain, m == duringHandling || m == directCause
	case joinChain:
		if beginsTraceback(m) {
			j.group = strings.Contains(m, "Exception Group")
			return joinFrames, true
		}
		return joinChain, blank
	case joinFatal:
		return joinFatal, blank || partOfFatal(m)
	}
	return joinNone, false
}

// flush gives the record out.
func (j *joiner) flush() (parsedEntry, bool) {
	if !j.active() {
		return parsedEntry{}, false
	}
	e := j.entry
	e.record.Message = strings.TrimRight(j.text.String(), "\n")
	j.state, j.entry = joinNone, parsedEntry{}
	j.text.Reset()
	return e, true
}

// beginsTraceback knows both heads, the second of which is indented.
func beginsTraceback(m string) bool {
	return strings.HasPrefix(m, tracebackHead) ||
		strings.HasPrefix(m, "  + Exception Group "+tracebackHead)
}

// beginsFatal knows how faulthandler begins: a fatal error, or a dump.
func beginsFatal(m string) bool {
	return strings.HasPrefix(m, "Fatal Python error: ") || strings.HasPrefix(m, "Timeout (") || beginsThread(m)
}

func beginsThread(m string) bool {
	return strings.HasPrefix(m, "Current thread 0x") || strings.HasPrefix(m, "Thread 0x")
}

// partOfFatal knows what faulthandler prints below its first line.
func partOfFatal(m string) bool {
	if beginsThread(m) || strings.HasPrefix(m, "  ") {
		return true
	}
	for _, head := range []string{
		"Python runtime state:", "Extension modules:", "Current thread's C stack trace",
		"<Cannot ", "<no Python frame>", "<truncated", "<freed", "...",
	} {
		if strings.HasPrefix(m, head) {
			return true
		}
	}
	return false
}
