package logs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// Keys are all the members that a line can have beside hclog's own (@level,
// @message, @timestamp): what people search by, and what their tools are built on,
// so that there is one list and a line that is added later cannot lengthen it by
// the way. Under journald each is a field, MOCHI_POOL and so on.
//
// What else there is to say about an event is said by its message, in a form that
// a person reads: it is for reading, and a key that one event has is no key to
// search by.
var Keys = []string{
	"event", "pool", "slot", "pid", "generation", "request_id", "function", "peer_uid",
	"duration_ms", "queue_ms", "exit_code", "signal", "reason", "restarts", "backoff_ms",
	"stream", "logger", "trace_id",
}

// The names of two details that are more than one word of a message.
const (
	detailError = "error" // what went wrong
	detailText  = "text"  // lines below the message: a traceback, a place in a file
)

// keyed is a logger whose lines have no key but Keys. It is done here, and not
// where lines are made, because those who make them give the events of mochi.events
// the same details, each by its name (daemon.teller).
type keyed struct{ hclog.Logger }

// Log takes a line.
func (k keyed) Log(level hclog.Level, message string, args ...any) {
	if level >= k.GetLevel() {
		message, args = fold(message, args)
		k.Logger.Log(level, message, args...)
	}
}

// Trace takes a line.
func (k keyed) Trace(message string, args ...any) { k.Log(hclog.Trace, message, args...) }

// Debug takes a line.
func (k keyed) Debug(message string, args ...any) { k.Log(hclog.Debug, message, args...) }

// Info takes a line.
func (k keyed) Info(message string, args ...any) { k.Log(hclog.Info, message, args...) }

// Warn takes a line.
func (k keyed) Warn(message string, args ...any) { k.Log(hclog.Warn, message, args...) }

// Error takes a line.
func (k keyed) Error(message string, args ...any) { k.Log(hclog.Error, message, args...) }

// With is for lines that share some keys, which must be of Keys.
func (k keyed) With(args ...any) hclog.Logger { return keyed{k.Logger.With(args...)} }

// Named gives the same logger: lines have an event, and no @module.
func (k keyed) Named(string) hclog.Logger { return k }

// ResetNamed gives the same logger.
func (k keyed) ResetNamed(string) hclog.Logger { return k }

// fold puts into the message what is no key: the error behind it, words in
// brackets, text below it.
func fold(message string, args []any) (string, []any) {
	odd := func(i int) bool { name, ok := args[i].(string); return !ok || !slices.Contains(Keys, name) }
	first := 0
	for first+1 < len(args) && !odd(first) {
		first += 2
	}
	if first >= len(args) {
		return message, args // nearly always
	}
	kept := slices.Clone(args[:first])
	var words []string
	text := ""
	for i := first; i < len(args); i += 2 {
		switch {
		case i+1 == len(args):
			words = append(words, quoted(fmt.Sprint(args[i])))
		case !odd(i):
			kept = append(kept, args[i], args[i+1])
		case args[i] == detailText:
			text = fmt.Sprint(args[i+1])
		case args[i] == detailError:
			message += ": " + Clean(fmt.Sprint(args[i+1]))
		default:
			words = append(words, fmt.Sprint(args[i])+"="+quoted(fmt.Sprint(args[i+1])))
		}
	}
	if len(words) > 0 {
		message += " (" + strings.Join(words, " ") + ")"
	}
	if text == "" {
		return message, kept
	}
	// A traceback's first line is the message already.
	if _, rest, more := strings.Cut(text, "\n"); more && strings.HasPrefix(message, firstOf(text)) {
		text = rest
	}
	return message + "\n" + text, kept
}
