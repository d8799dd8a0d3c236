package selftest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

const keptLines = 30 // of the daemon's log, to show when something went wrong

// exit is a worker_exited record of the daemon's log.
type exit struct {
	Pool       string `json:"pool"`
	Slot       int    `json:"slot"`
	PID        int    `json:"pid"`
	Generation int    `json:"generation"`
	Reason     string `json:"reason"`
	Signal     string `json:"signal"`
	ExitCode   int    `json:"exit_code"`
}

func (e exit) String() string {
	how := e.Signal
	if how == "" {
		how = fmt.Sprintf("exit %d", e.ExitCode)
	}
	return fmt.Sprintf("%s/%d pid %d: %s, %s", e.Pool, e.Slot, e.PID, e.Reason, how)
}

// chronicle reads the daemon's log as it is written: it must never be what
// slows the daemon down, so only the lines that it wants are parsed.
type chronicle struct {
	also io.Writer

	mu      sync.Mutex
	partial []byte
	last    []string // the latest lines, a ring
	at      int
	started map[string]int // pool/slot/generation → times
	exits   []exit
	dropped bool     // the daemon says it had to drop lines: what was not read proves nothing
	alarms  []string // what a Go program says when it is broken
}

func newChronicle(also io.Writer) *chronicle {
	return &chronicle{also: also, started: make(map[string]int)}
}

// Write takes the log as it comes.
func (c *chronicle) Write(p []byte) (int, error) {
	if c.also != nil {
		if _, err := c.also.Write(p); err != nil {
			return 0, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = append(c.partial, p...)
	for {
		line, rest, found := bytes.Cut(c.partial, []byte("\n"))
		if !found {
			c.partial = append(c.partial[:0:0], c.partial...)
			return len(p), nil
		}
		c.line(line)
		c.partial = rest
	}
}

var (
	startedRecord = []byte(`"event":"worker_started"`)
	exitedRecord  = []byte(`"event":"worker_exited"`)
	droppedRecord = []byte(`"event":"log_dropped"`)
)

func (c *chronicle) line(line []byte) {
	text := string(line)
	if len(c.last) < keptLines {
		c.last = append(c.last, text)
	} else {
		c.last[c.at%keptLines] = text
	}
	c.at++
	switch {
	case bytes.Contains(line, startedRecord):
		var e exit
		if json.Unmarshal(line, &e) == nil {
			c.started[e.incarnation()]++
		}
	case bytes.Contains(line, exitedRecord):
		var e exit
		if json.Unmarshal(line, &e) == nil {
			c.exits = append(c.exits, e)
		}
	case bytes.Contains(line, droppedRecord):
		c.dropped = true
	case len(line) > 0 && line[0] == '{':
	case strings.Contains(text, "DATA RACE"), strings.HasPrefix(text, "panic:"), strings.HasPrefix(text, "fatal error:"):
		if len(c.alarms) < maxEvidence {
			c.alarms = append(c.alarms, text)
		}
	}
}

func (e exit) incarnation() string { return fmt.Sprintf("%s/%d.%d", e.Pool, e.Slot, e.Generation) }

// tail is the end of the log, for a person.
func (c *chronicle) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for i := range c.last {
		fmt.Fprintln(&b, c.last[(c.at+i)%len(c.last)])
	}
	return b.String()
}

// history is what was read so far.
func (c *chronicle) history() (started map[string]int, exits []exit, dropped bool, alarms []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	started = make(map[string]int, len(c.started))
	for k, v := range c.started {
		started[k] = v
	}
	return started, append([]exit(nil), c.exits...), c.dropped, append([]string(nil), c.alarms...)
}
