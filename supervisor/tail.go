package supervisor

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	tailLines = 20      // lines of stderr that an error carries
	tailWidth = 1 << 10 // how much of each
	// stackSize bounds the text of faulthandler: some hundred frames. What is
	// more is cut out behind the first stackHead bytes of it.
	stackSize = 32 << 10
	stackHead = 8 << 10
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
	asked bool // for a dump, by us: what other threads print meanwhile does not end it
	in    bool
	buf   []byte
	cut   int // bytes that were cut out at stackHead
}

// take says whether the line is part of a report.
func (s *stackCapture) take(line []byte) bool {
	if len(line) > 0 && line[0] == tagByte {
		return false // the runtime's own: faulthandler writes to the descriptor
	}
	if !s.in {
		// Few lines begin like this, and every line is looked at.
		if len(line) == 0 || bytes.IndexByte([]byte("FCT"), line[0]) < 0 || !beginsFatal(string(line)) {
			return false
		}
		s.in = true
		if !s.asked {
			s.buf, s.cut = s.buf[:0], 0
		}
	} else if len(bytes.TrimSpace(line)) > 0 && !beginsFatal(string(line)) && !partOfFatal(string(line)) {
		s.in = s.asked
		return false
	}
	s.keep(line)
	return true
}

// keep bounds what is kept by cutting in the middle: the threads come newest
// first, so the last of them is the main thread, which nobody wants to miss.
func (s *stackCapture) keep(line []byte) {
	line = line[:min(len(line), tailWidth)]
	if len(s.buf)+len(line) >= stackSize {
		const least = stackSize / 4 // not line by line: each cut moves the rest
		out := least
		if i := bytes.IndexByte(s.buf[stackHead+out:], '\n'); i >= 0 {
			out += i + 1
		}
		s.buf = append(s.buf[:stackHead], s.buf[stackHead+out:]...)
		s.cut += out
	}
	s.buf = append(append(s.buf, line...), '\n')
}

func (s *stackCapture) text() string {
	if s.cut == 0 {
		return strings.TrimSpace(clean(s.buf, 0))
	}
	head := clean(s.buf[:stackHead], 0)
	head = head[:strings.LastIndexByte(head, '\n')+1] // its last line was cut in two
	return strings.TrimSpace(fmt.Sprintf("%s… (%d bytes cut out here)\n%s", head, s.cut, clean(s.buf[stackHead:], 0)))
}
