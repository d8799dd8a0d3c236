package supervisor

import (
	"bytes"
	"strings"
)

const (
	tailLines = 20      // lines of stderr that an error carries
	tailWidth = 1 << 10 // how much of each
	// stackSize bounds the text of faulthandler: some hundred frames.
	stackSize = 32 << 10
)

// tail is the last lines of a stream, in memory that does not grow: a flood
// overwrites it, and is parsed only if somebody asks.
type tail struct {
	ring [tailLines]struct {
		line []byte
		over int
	}
	count int
}

func (t *tail) add(line []byte) {
	if len(line) == 0 {
		return
	}
	e := &t.ring[t.count%tailLines]
	kept := line[:min(len(line), tailWidth)]
	e.line = append(e.line[:0], kept...)
	e.over = len(line) - len(kept)
	t.count++
}

// lines gives them oldest first, tagged ones as what they say.
func (t *tail) lines() []string {
	var lines []string
	for i := max(0, t.count-tailLines); i < t.count; i++ {
		e := t.ring[i%tailLines]
		p := logEntry{stream: "stderr", raw: e.line, over: e.over}.parse()
		if p.record.Stream == "stderr" {
			lines = append(lines, p.record.Message)
		}
	}
	return lines
}

// stackCapture picks faulthandler's report out of stderr as it goes by. It is
// not left to the tail, which is too short for many threads, nor to the
// records, which a rate limit may drop.
type stackCapture struct {
	buf []byte
	in  bool
}

func (s *stackCapture) take(line []byte) {
	if len(line) > 0 && line[0] == tagByte {
		return // the runtime's own: faulthandler writes to the descriptor
	}
	if !s.in {
		// Few lines begin like this, and every line is looked at.
		if len(line) == 0 || bytes.IndexByte([]byte("FCT"), line[0]) < 0 || !beginsFatal(string(line)) {
			return
		}
		s.in = true
		s.buf = s.buf[:0]
	} else if len(bytes.TrimSpace(line)) > 0 && !beginsFatal(string(line)) && !partOfFatal(string(line)) {
		s.in = false
		return
	}
	if room := stackSize - len(s.buf); room > len(line) {
		s.buf = append(append(s.buf, line...), '\n')
	}
}

func (s *stackCapture) text() string {
	return strings.TrimSpace(clean(s.buf, 0))
}
