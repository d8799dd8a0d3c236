package acceptance

import (
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

const logLimit = 5 * time.Second // from a worker's write to the record in the daemon's log

// record waits for the worker's line in the daemon's log.
func record(t *testing.T, d *rig.Daemon, pool, text string) rig.Record {
	t.Helper()
	var found []rig.Record
	if !rig.Until(logLimit, func() bool {
		found = d.Log.Find(func(r rig.Record) bool {
			return r.Text("pool") == pool && strings.Contains(r.Message(), text)
		})
		return len(found) > 0
	}) {
		t.Errorf("%q of pool %s is no record in the log after %s", text, pool, logLimit)
		return rig.Record{}
	}
	return found[0]
}

// TestPrintingCannotHurt: a module prints from Python, from C and from a child
// process, at import and in the call; the call is answered correctly and every
// line is a log record with the stream it came on.
func TestPrintingCannotHurt(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	if got := call(t, h, "noisy.speak", "[[1,2,3]]"); got != "6" {
		t.Fatalf("the call gave %s, want 6", got)
	}
	for _, when := range []string{"at import", "in the call"} {
		for text, stream := range map[string]string{
			"python out ": "stdout", "python err ": "stderr",
			"c out ":     "stdout",
			"child out ": "stdout", "child err ": "stderr",
		} {
			r := record(t, d, "noisy", text+when)
			if got := r.Text("stream"); got != stream {
				t.Errorf("%q came on stream %q, want %q: %v", text+when, got, stream, r)
			}
		}
	}
	record(t, d, "noisy", "no newline at the end")
	for _, line := range d.Log.Loose() { // serve's own words to a person are no records
		for _, worker := range []string{"python ", "c out", "child ", "newline"} {
			if strings.HasPrefix(line, worker) {
				t.Errorf("a worker's line stands in the daemon's output by itself: %q", line)
			}
		}
	}
}

// TestALineSaysWhichCallWroteIt wants the request's id on what Python printed.
func TestALineSaysWhichCallWroteIt(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	call(t, h, "both.add", "[1,1]")
	if err := h.Send(`{"jsonrpc":"2.0","id":"tea-4711","method":"noisy.speak","params":[[1]]}`); err != nil {
		t.Fatal(err)
	}
	if a, err := h.Read(); err != nil || a.Error != nil {
		t.Fatalf("%v %+v", err, a.Error)
	}
	r := record(t, d, "noisy", "python out in the call")
	if got := r.Text("request_id"); !strings.Contains(got, "tea-4711") {
		t.Errorf("the record's request_id is %q, want tea-4711: %v", got, r)
	}
	if got := r.Text("function"); !strings.Contains(got, "speak") {
		t.Errorf("the record's function is %q, want speak: %v", got, r)
	}
}

// TestPythonLoggingKeepsItsLevelAndName passes `logging` through.
func TestPythonLoggingKeepsItsLevelAndName(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	call(t, dial(t, d), "noisy.speak", "[[1]]")
	r := record(t, d, "noisy", "the pool is nearly empty")
	if got := r.Text("@level"); got != "warn" {
		t.Errorf("a warning was logged at level %q: %v", got, r)
	}
	if got := r.Text("logger"); got != "app.db" {
		t.Errorf("the record's logger is %q, want app.db: %v", got, r)
	}
}

// TestATracebackIsOneRecord joins what Python prints in many lines.
func TestATracebackIsOneRecord(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	call(t, dial(t, d), "noisy.stumble", "")
	r := record(t, d, "noisy", "while looking")
	for _, part := range []string{"Traceback (most recent call last)", "LookupError: nothing in the drawer"} {
		if !strings.Contains(r.Message(), part) {
			t.Errorf("the record lacks %q: %v", part, r)
		}
	}
	if got := r.Text("@level"); got != "error" {
		t.Errorf("logging.exception was logged at level %q", got)
	}
}

// TestAForgedAnswerIsOnlyPrinted: what user code writes to stdout is output,
// whatever it looks like.
func TestAForgedAnswerIsOnlyPrinted(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	if got := call(t, dial(t, d), "noisy.lie", ""); got != `"honest"` {
		t.Errorf("the call gave %s", got)
	}
	record(t, d, "noisy", "forged")
}
