package logs

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
)

// logTo logs into a pipe and gives what came out of it.
func logTo(t *testing.T, o Options, do func(hclog.Logger)) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o.Output = w
	logger, out := New(o)
	do(logger)
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	_ = w.Close()
	text, err := io.ReadAll(r)
	_ = r.Close()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestElsewhereThanATerminalLinesAreJSON(t *testing.T) {
	text := logTo(t, Options{Level: "debug", Format: FormatAuto}, func(l hclog.Logger) {
		l.Debug("a\nb", "pool", "math", "text", "\x1b[31m<red>")
	})
	var line map[string]any
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	if line["@message"] != "a\nb\n\x1b[31m<red>" || line["pool"] != "math" || strings.Contains(text, "\x1b") || strings.Count(text, "\n") != 1 {
		t.Errorf("got %q", text)
	}
}

func TestTheLevelHolds(t *testing.T) {
	text := logTo(t, Options{Level: "warn", Format: FormatText}, func(l hclog.Logger) {
		l.Info("quiet")
		l.Warn("loud")
	})
	if strings.Contains(text, "quiet") || !strings.Contains(text, "loud") {
		t.Errorf("got %q", text)
	}
}

func TestNobodyForgesALineOrMovesTheCursor(t *testing.T) {
	text := logTo(t, Options{Format: FormatText}, func(l hclog.Logger) {
		l.Info(Clean("x\n2026-01-01 [ERROR] forged\x1b[2J\x9b1A\x07"), "v", "a\x1b[2Jb")
	})
	if strings.Count(text, "\n") != 1 || strings.ContainsAny(text, "\x1b\x07") || strings.ContainsRune(text, 0x9b) {
		t.Errorf("got %q", text)
	}
}

func TestUnderJournaldEveryLineHasItsPriority(t *testing.T) {
	text := logTo(t, Options{Format: FormatJournal}, func(l hclog.Logger) {
		l.Error("broken", "text", "one\ntwo")
	})
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if !strings.HasPrefix(line, "<3>") {
			t.Errorf("line %q", line)
		}
	}
	if underJournal(os.Stderr, "1:1") {
		t.Error("an inherited JOURNAL_STREAM was believed")
	}
}

func TestAReaderThatDoesNotReadNeverBlocksTheLogger(t *testing.T) {
	defer goleak.VerifyNone(t)
	release := make(chan struct{})
	var out bytes.Buffer
	w := NewWriter(writerFunc(func(p []byte) (int, error) {
		<-release
		return out.Write(p)
	}))
	line := bytes.Repeat([]byte("x"), 1<<16)
	for range 3 * maxPending / len(line) {
		if _, err := w.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "log lines dropped") || out.Len() > 3*maxPending {
		t.Errorf("%d bytes came out", out.Len())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestALineHasNoKeyButTheListed: what else it has to say is in its message, be it
// an error, a word or lines below it.
func TestALineHasNoKeyButTheListed(t *testing.T) {
	for _, c := range []struct {
		args []any
		want string
	}{
		{[]any{"event", "e", "slot", 1}, "m"},
		{[]any{"event", "e", "python", "3.12.1", "slot", 1, "lost", 2}, "m (python=3.12.1 lost=2)"},
		{[]any{"error", "no\nsuch file", "slot", 1, "path", "a b"}, `m: no\nsuch file (path="a b")`},
		{[]any{"slot", 1, "text", "one\ntwo"}, "m\none\ntwo"},
		{[]any{"slot", 1, "text", "m\ntwo", "dropped", 3}, "m (dropped=3)\ntwo"},
		{[]any{"slot", 1, "alone"}, "m (alone)"},
	} {
		text := logTo(t, Options{Format: FormatJSON}, func(l hclog.Logger) { l.Info("m", c.args...) })
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["@message"] != c.want {
			t.Errorf("%v: the message is %q, want %q", c.args, line["@message"], c.want)
		}
		for key := range line {
			if !strings.HasPrefix(key, "@") && !slices.Contains(Keys, key) {
				t.Errorf("%v: there is a key %s", c.args, key)
			}
		}
		if line["slot"] == nil && slices.Contains(c.args, any("slot")) {
			t.Errorf("%v: the slot is gone", c.args)
		}
	}
}

// TestEachFormatHasTheSameKeysAndKeepsATracebackTogether: in a text, below the line
// that has them, each line marked.
func TestEachFormatHasTheSameKeysAndKeepsATracebackTogether(t *testing.T) {
	const traceback = "Traceback (most recent call last):\n  File \"m.py\", line 1\n\x1b[2JValueError: x"
	log := func(l hclog.Logger) {
		l.Error("Traceback (most recent call last):", "event", "worker_log", "trace_id", "4bf9", "pool", "m", "text", traceback)
	}
	const keys = "Traceback (most recent call last):: pool=m event=worker_log trace_id=4bf9\n"
	text := logTo(t, Options{Format: FormatText}, log)
	if _, rest, _ := strings.Cut(text, " "); rest != "[ERROR] "+keys+"  |   File \"m.py\", line 1\n  | \\x1b[2JValueError: x\n" {
		t.Errorf("the text is %q", text)
	}
	if got := logTo(t, Options{Format: FormatJournal}, log); got != "<3>[ERROR] "+keys+"<3>  |   File \"m.py\", line 1\n<3>  | \\x1b[2JValueError: x\n" {
		t.Errorf("for the journal it is %q", got)
	}
}

// TestThePageListsEachKey: deploy/README.md says what each key says, and of no other.
func TestThePageListsEachKey(t *testing.T) {
	page, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| key | says |\n|---|---|\n")
	if !found {
		t.Fatal("there is no table of keys")
	}
	var listed []string
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) < 3 {
			break
		}
		for key := range strings.FieldsSeq(cells[1]) {
			listed = append(listed, strings.Trim(key, "`"))
		}
	}
	if got, want := slices.Sorted(slices.Values(listed)), slices.Sorted(slices.Values(Keys)); !slices.Equal(got, want) {
		t.Errorf("the page lists %v, and the keys are %v", got, want)
	}
}
