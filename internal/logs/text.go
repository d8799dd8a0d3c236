package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/hashicorp/go-hclog"
)

// below begins the further lines of a record in a text, so that none of them can
// pass for a record of its own.
const below = "  | "

// texts writes lines of JSON, as hclog makes them, as lines for people. hclog's
// own text was not used: what of a record has several lines it puts behind a key,
// or, in a message, writes as it is, which lets anybody forge a line.
type texts struct {
	to       io.Writer
	colored  bool
	priority bool // begin each line with its priority, as sd-daemon(3) has it, and without the time
}

// Write takes whole lines.
func (t texts) Write(p []byte) (int, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(p) {
		t.render(&out, bytes.TrimSuffix(line, []byte("\n")))
	}
	if _, err := t.to.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t texts) render(out *bytes.Buffer, line []byte) {
	r := recordOf(line)
	if r.values == nil && !t.priority { // said to whoever sits at the terminal
		out.WriteString(Clean(r.message) + "\n")
		return
	}
	mark := ""
	if t.priority {
		mark = fmt.Sprintf("<%d>", priorityOf(r.level))
	}
	out.WriteString(mark)
	if !t.priority && r.time != "" {
		out.WriteString(r.time + " ")
	}
	head := heads[r.level]
	if t.colored && head.color != "" {
		fmt.Fprintf(out, "\x1b[%sm%s\x1b[0m ", head.color, head.word)
	} else {
		out.WriteString(head.word + " ")
	}
	first, rest, more := strings.Cut(r.message, "\n")
	out.WriteString(Clean(first))
	for i, key := range r.keys {
		if i == 0 {
			out.WriteByte(':')
		}
		out.WriteString(" " + key + "=" + quoted(fmt.Sprint(r.values[key])))
	}
	out.WriteByte('\n')
	if !more {
		return
	}
	for text := range strings.SplitSeq(strings.TrimSuffix(rest, "\n"), "\n") {
		out.WriteString(mark + below + Clean(text) + "\n")
	}
}

// heads are the levels as lines begin with them.
var heads = map[hclog.Level]struct{ word, color string }{
	hclog.Trace: {"[TRACE]", "92"},
	hclog.Debug: {"[DEBUG]", "97"},
	hclog.Info:  {"[INFO] ", "94"},
	hclog.Warn:  {"[WARN] ", "93"},
	hclog.Error: {"[ERROR]", "91"},
}

// record is a line, read again.
type record struct {
	level   hclog.Level
	time    string
	message string
	keys    []string // in order
	values  map[string]any
}

// recordOf reads a line; what is no JSON is a warning of that text.
func recordOf(line []byte) record {
	values := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber() // 1234567 is not 1.234567e+06
	if d.Decode(&values) != nil {
		return record{level: hclog.Warn, message: string(line)}
	}
	r := record{level: hclog.Info, keys: inOrder(values), values: values}
	level, _ := values["@level"].(string)
	if l := hclog.LevelFromString(level); l != hclog.NoLevel {
		r.level = l
	}
	r.time, _ = values["@timestamp"].(string)
	r.message, _ = values["@message"].(string)
	return r
}

// priorityOf is a level in the numbers of syslog(3).
func priorityOf(level hclog.Level) journal.Priority {
	switch level {
	case hclog.Trace, hclog.Debug:
		return journal.PriDebug
	case hclog.Warn:
		return journal.PriWarning
	case hclog.Error:
		return journal.PriErr
	}
	return journal.PriInfo
}
