package logs

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/hashicorp/go-hclog"
)

type entry struct {
	message  string
	priority journal.Priority
	fields   map[string]string
}

// journaled logs into entries and gives them.
func journaled(t *testing.T, do func(hclog.Logger)) (out []entry) {
	t.Helper()
	logger := keyed{hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, JSONFormat: true, JSONEscapeDisabled: true, Output: entries{
		send: func(message string, p journal.Priority, fields map[string]string) error {
			out = append(out, entry{message, p, fields})
			return nil
		},
	}})}
	do(logger)
	return out
}

func TestAnEntryOfTheJournalHasAFieldForEachKey(t *testing.T) {
	got := journaled(t, func(l hclog.Logger) {
		l.Warn("worker died", "event", "worker_exited", "pool", "numpy", "slot", 1, "reason", "oom", "duration_ms", int64(12345678), "trace_id", "4bf9", "last_line", "a \"b\"")
	})
	if len(got) != 1 {
		t.Fatalf("%d entries", len(got))
	}
	for field, want := range map[string]string{
		"MOCHI_POOL": "numpy", "MOCHI_SLOT": "1", "MOCHI_REASON": "oom", "MOCHI_EVENT": "worker_exited",
		"MOCHI_DURATION_MS": "12345678", "MOCHI_TRACE_ID": "4bf9", "SYSLOG_IDENTIFIER": "mochi-pyd",
	} {
		if got[0].fields[field] != want {
			t.Errorf("%s is %q, want %q", field, got[0].fields[field], want)
		}
	}
	if want := `worker died (last_line="a \"b\""): pool=numpy slot=1 reason=oom duration_ms=12345678 trace_id=4bf9`; got[0].message != want {
		t.Errorf("the message is %q, want %q", got[0].message, want)
	}
}

func TestEachLevelHasItsPriority(t *testing.T) {
	got := journaled(t, func(l hclog.Logger) {
		l.Debug("d")
		l.Info("i")
		l.Warn("w")
		l.Error("e")
	})
	for i, want := range []journal.Priority{journal.PriDebug, journal.PriInfo, journal.PriWarning, journal.PriErr} {
		if got[i].priority != want {
			t.Errorf("%q has priority %d, want %d", got[i].message, got[i].priority, want)
		}
	}
}

func TestATracebackIsOneEntry(t *testing.T) {
	const traceback = "Traceback (most recent call last):\n  File \"m.py\", line 1\nValueError: x"
	got := journaled(t, func(l hclog.Logger) {
		l.Error("Traceback (most recent call last):", "pool", "m", "text", traceback)
	})
	want := "Traceback (most recent call last): pool=m\n  File \"m.py\", line 1\nValueError: x"
	if len(got) != 1 || got[0].message != want {
		t.Errorf("got %+v", got)
	}
}

func TestWhatTheJournalDoesNotTakeGoesToStandardError(t *testing.T) {
	var spare bytes.Buffer
	e := entries{send: func(string, journal.Priority, map[string]string) error { return errors.New("no journal") }, spare: &spare}
	if _, err := e.Write([]byte(`{"@level":"error","@message":"broken\none\ntwo"}` + "\nmochi-pyd: 3 log lines dropped\n")); err != nil {
		t.Fatal(err)
	}
	if got := spare.String(); got != "<3>broken\n<3>one\n<3>two\n<4>mochi-pyd: 3 log lines dropped\n" {
		t.Errorf("got %q", got)
	}
	if strings.Contains(fieldOf("a-b.c_D9"), "-") {
		t.Error("a field's name has a character that the journal refuses")
	}
}
