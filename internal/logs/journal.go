package logs

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
)

// identifier is what journalctl -t finds us by, whatever the binary is called.
const identifier = "mochi-pyd"

// entries writes lines of JSON, as hclog makes them, as entries of the journal:
// each with its own priority, and with a field MOCHI_POOL, MOCHI_SLOT,
// MOCHI_REASON and so on for each of its keys, so that
//
//	journalctl -u mochi-pyd MOCHI_POOL=numpy MOCHI_REASON=oom
//
// finds what it says. On its standard error a service has one priority for all
// that it does not mark, and no fields. It stands behind a Writer: the loggers
// do not wait for the journal, nor for the lines to be read again here.
type entries struct {
	send  func(message string, p journal.Priority, fields map[string]string) error
	spare io.Writer // takes what the journal does not
}

func newEntries(spare io.Writer) entries { return entries{journal.Send, spare} }

// Write takes whole lines.
func (e entries) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		message, priority, fields := entryOf(bytes.TrimSuffix(line, []byte("\n")))
		if err := e.send(message, priority, fields); err != nil {
			// journald is being restarted, or is gone: standard error is still its
			// stream, and may be read.
			if _, err := fmt.Fprintf(e.spare, "<%d>%s\n", priority, strings.ReplaceAll(message, "\n", fmt.Sprintf("\n<%d>", priority))); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// entryOf reads a line again. What is no JSON is what the Writer says itself.
func entryOf(line []byte) (string, journal.Priority, map[string]string) {
	fields := map[string]string{"SYSLOG_IDENTIFIER": identifier}
	r := recordOf(line)
	var said []string
	for _, key := range r.keys {
		value := fmt.Sprint(r.values[key])
		fields[fieldOf(key)] = value
		if key != "event" && key != "generation" { // for machines
			said = append(said, key+"="+quoted(value))
		}
	}
	message, rest, more := strings.Cut(r.message, "\n")
	if len(said) > 0 {
		message = strings.TrimSuffix(message, ":") + ": " + strings.Join(said, " ")
	}
	if more {
		message += "\n" + rest
	}
	return message, priorityOf(r.level), fields
}

func firstOf(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return Clean(first)
}

// foremost are the keys that a reader looks for first.
var foremost = []string{"pool", "slot", "pid", "function", "reason"}

// inOrder are the keys of a record but hclog's own.
func inOrder(record map[string]any) []string {
	var keys []string
	for key := range record {
		if !strings.HasPrefix(key, "@") {
			keys = append(keys, key)
		}
	}
	place := func(key string) int {
		if i := slices.Index(foremost, key); i >= 0 {
			return i
		}
		return len(foremost)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return keys
}

// fieldOf is a key as the journal's fields are called.
func fieldOf(key string) string {
	return "MOCHI_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}

// quoted is a value in a message: escaped, and in quotes where it has spaces.
func quoted(value string) string {
	value = Clean(value)
	if value == "" || strings.ContainsAny(value, " =\"") {
		return `"` + strings.ReplaceAll(value, `"`, `\"`) + `"`
	}
	return value
}
