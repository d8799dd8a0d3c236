package top

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// record is what the log pane shows of a line that the daemon kept.
type record struct {
	At      time.Time `json:"at"`
	Pool    string    `json:"pool"`
	Slot    int       `json:"slot"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
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
				line = fmt.Sprintf("%s %s/%d %-7s %s", r.At.Local().Format(time.TimeOnly), r.Pool, r.Slot, r.Level, line)
			} else {
				line = "    " + line
			}
			lines, first = append(lines, line), false
		}
	}
	return lines, nil
}
