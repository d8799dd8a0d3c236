package top

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mochilang/mochi-pyd/internal/cells"
)

// record is what the log pane shows of a line that the daemon kept.
type record struct {
	At      time.Time `json:"at"`
	Pool    string    `json:"pool"`
	Slot    int       `json:"slot"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
	Dropped int       `json:"dropped"` // lines lost just before this one
}

// logLines reads the answer of mochi.logs: records, the oldest first. One of
// several lines, a traceback, takes as many here.
func logLines(raw json.RawMessage) ([]string, error) {
	var answer struct {
		Records []record `json:"records"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("the daemon's log lines cannot be read (is it of another version?): %w", err)
	}
	var lines []string
	for _, r := range answer.Records {
		first := true
		for line := range strings.Lines(r.Message) {
			line = strings.TrimRight(line, "\r\n")
			if first {
				line = fmt.Sprintf("%s %s %-7s %s%s", r.At.Local().Format(time.TimeOnly), r.writer(), r.Level, r.gap(), line)
			} else {
				line = "    " + line
			}
			lines, first = append(lines, line), false
		}
	}
	return lines, nil
}

// writer is a worker, or the process that forks a pool's workers.
func (r record) writer() string {
	if r.Slot < 0 {
		return r.Pool + "/preload"
	}
	return fmt.Sprintf("%s/%d", r.Pool, r.Slot)
}

func (r record) gap() string {
	if r.Dropped == 0 {
		return ""
	}
	return "(" + cells.Plural(r.Dropped, "line") + " dropped before)  "
}
