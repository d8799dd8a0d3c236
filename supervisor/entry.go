package supervisor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mochilang/mochi-pyd/rpc"
)

// tagByte begins a line that the runtime wrote itself: the rest is one JSON
// object that says which call wrote it and at which level. ASCII calls it the
// record separator, and no program prints it by accident.
const tagByte = 0x1e

// logEntry is one line as it was read; raw is valid until the next one is.
type logEntry struct {
	stream string
	raw    []byte
	over   int // bytes that were cut off
	at     time.Time
}

// parsedEntry is a record and the link id of the call it belongs to.
type parsedEntry struct {
	record LogRecord
	call   uint64
	typed  bool // it has a level of its own

	attributed bool // the record names the call
}

// parse makes a record of a line.
func (l logEntry) parse() parsedEntry {
	if len(l.raw) > 0 && l.raw[0] == tagByte {
		if e, ok := l.parseTagged(); ok {
			return e
		}
	}
	e := parsedEntry{record: LogRecord{Time: l.at, Stream: l.stream, Level: "info", Message: clean(l.raw, l.over)}}
	e.guessLevel()
	return e
}

// parseTagged reads the runtime's object. One that was cut short is tried with
// its string closed: a print of ten megabytes is then shown as far as any other
// line is, and not as broken JSON.
func (l logEntry) parseTagged() (parsedEntry, bool) {
	var t struct {
		Call    uint64  `json:"call"`
		Level   string  `json:"level"`
		Logger  string  `json:"logger"`
		Message *string `json:"message"`
		Stream  string  `json:"stream"`
		Trace   string  `json:"trace"` // W3C traceparent
	}
	body := l.raw[1:]
	err := json.Unmarshal(body, &t)
	if err != nil && l.over > 0 {
		err = json.Unmarshal(closeCut(body), &t)
	}
	if err != nil || t.Message == nil {
		return parsedEntry{}, false
	}
	e := parsedEntry{call: t.Call, typed: t.Level != "" || t.Logger != ""}
	e.record = LogRecord{
		Time: l.at, Stream: l.stream, Level: t.Level, Logger: clean([]byte(t.Logger), 0),
		Message: clean([]byte(strings.TrimSuffix(*t.Message, "\n")), l.over), TraceID: rpc.TraceID(t.Trace),
	}
	if t.Stream == "stdout" || t.Stream == "stderr" {
		e.record.Stream = t.Stream
	}
	if !knownLevel(t.Level) {
		e.guessLevel()
	}
	return e, true
}

// closeCut ends a JSON object that was cut inside its last string: without the
// escape it may have been cut in, with a quote and a brace.
func closeCut(b []byte) []byte {
	const longestEscape = len(`\u0000`)
	if i := bytes.LastIndexByte(b, '\\'); i >= 0 && len(b)-i < longestEscape {
		for i > 0 && b[i-1] == '\\' {
			i-- // of a run of backslashes drop all: one lost is better than one too many
		}
		b = b[:i]
	}
	return append(bytes.Clone(b), `"}`...)
}

func knownLevel(s string) bool {
	switch s {
	case "debug", "info", "warning", "error", "critical":
		return true
	}
	return false
}

// guessLevel is for lines that carry none.
func (e *parsedEntry) guessLevel() {
	switch m := e.record.Message; {
	case beginsFatal(m):
		e.record.Level = "critical"
	case beginsTraceback(m):
		e.record.Level = "error"
	default:
		e.record.Level = "info"
	}
}

// clean makes a worker's bytes fit for a log: valid UTF-8, no control
// character but tab and the newlines of a joined record, bounded, and honest
// about what was cut off.
func clean(b []byte, over int) string {
	if len(b) > logRecord {
		over += len(b) - logRecord
		b = b[:logRecord]
		for len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
	}
	s := string(b)
	if !plain(b) {
		s = escape(b)
	}
	if over > 0 {
		s += fmt.Sprintf(" … (%d more bytes)", over)
	}
	return s
}

// plain says that nothing needs to be escaped; nearly always.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' || c >= 0x7f {
			return false
		}
	}
	return true
}

func escape(b []byte) string {
	var s strings.Builder
	s.Grow(len(b) + len(b)/8)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && size == 1:
			s.WriteRune(utf8.RuneError)
		case r == '\t' || r == '\n':
			s.WriteRune(r)
		case r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&s, `\x%02x`, r)
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			fmt.Fprintf(&s, `\u%04x`, r)
		default:
			s.Write(b[:size])
		}
		b = b[size:]
	}
	return s.String()
}
