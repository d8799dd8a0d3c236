package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestEveryDeathIsToldWithItsCause is row F2: who dies in a call costs that
// call, which learns how, and the call behind it is served.
func TestEveryDeathIsToldWithItsCause(t *testing.T) {
	d := serve(t, rig.Options{Config: oneWorker})
	h := dial(t, d)
	for _, c := range []struct {
		function string
		signal   any // data.signal
		exit     any // data.exit_code
		says     string
	}{
		{"leaves_at_once", nil, 3.0, "last words"},
		{"is_terminated_in_a_thread", nil, 5.0, ""},
		{"aborts", "SIGABRT", nil, "Fatal Python error: Aborted"},
		{"segfaults", "SIGSEGV", nil, "Fatal Python error: Segmentation fault"},
		{"overflows_the_stack", "SIGSEGV", nil, "deeper"},
		{"is_killed", "SIGKILL", nil, ""},
	} {
		t.Run(c.function, func(t *testing.T) {
			before := call(t, h, "deadly.pid", "")
			send(t, h, rig.Request(1, "deadly."+c.function, ""), rig.Request(2, "deadly.pid", ""))
			got := answers(t, h, 1, 2)
			lost := got[1].Error
			if lost.Kind() != "worker_lost" || lost.Data["started"] != true || lost.Data["signal"] != c.signal || lost.Data["exit_code"] != c.exit {
				t.Errorf("answered %s %+v; want worker_lost, started, signal %v, exit code %v", got[1].Result, lost, c.signal, c.exit)
			}
			if lost != nil && !strings.Contains(fmt.Sprint(lost.Data["stack"], lost.Data["stderr_tail"]), c.says) {
				t.Errorf("neither stack nor stderr_tail says %q: %v", c.says, lost.Data)
			}
			if after := string(got[2].Result); after == "" || after == before {
				t.Errorf("the call behind was answered %s %+v by worker %s", after, got[2].Error, before)
			}
		})
	}
}

// TestWhatOnlySoundsLikeDeathIsAnAnswer is the rest of row F2: SystemExit and
// MemoryError are exceptions like others.
func TestWhatOnlySoundsLikeDeathIsAnAnswer(t *testing.T) {
	d := serve(t, rig.Options{Config: oneWorker})
	h := dial(t, d)
	before := call(t, h, "deadly.pid", "")
	for function, exception := range map[string]string{"exits": "SystemExit", "wants_too_much_memory": "MemoryError"} {
		if e := refused(t, h, "python_error", "deadly."+function, ""); e.Data["type"] != exception {
			t.Errorf("%s was answered %v, want %s", function, e.Data, exception)
		}
	}
	if after := call(t, h, "deadly.pid", ""); after != before {
		t.Errorf("worker %s was %s", after, before)
	}
}

// TestAForgedReplyReachesNobody is row F6: user code that finds the reply pipe
// and writes to it loses its worker; other calls are answered as ever.
func TestAForgedReplyReachesNobody(t *testing.T) {
	onlyWithProc(t)
	d := serve(t, rig.Options{Config: oneWorker})
	h := dial(t, d)
	for name, text := range map[string]string{
		"garbage":                  "Traceback (most recent call last)\n",
		"an id that was not given": `{"jsonrpc":"2.0","id":987654321,"result":"forged"}` + "\n",
		"half a line":              `{"jsonrpc":"2.0","id":`,
	} {
		t.Run(name, func(t *testing.T) {
			before := call(t, h, "deadly.pid", "")
			send(t, h, rig.Request(1, "deadly.forges", fmt.Sprintf("[%q]", text)), rig.Request(2, "both.add", "[3,4]"))
			got := answers(t, h, 1, 2)
			if got[1].Error.Kind() != "worker_lost" {
				t.Errorf("the forger was answered %s %+v, want worker_lost", got[1].Result, got[1].Error)
			}
			if string(got[2].Result) != "7" {
				t.Errorf("another call was answered %s %+v", got[2].Result, got[2].Error)
			}
			if after := call(t, h, "deadly.pid", ""); after == before {
				t.Errorf("worker %s still serves", before)
			}
		})
	}
}

// TestAnEndlessLineCostsTheDaemonNoMemory is row F6's last: a gigabyte without a
// newline on the reply pipe.
func TestAnEndlessLineCostsTheDaemonNoMemory(t *testing.T) {
	onlyWithProc(t)
	const size = 1 << 30
	growth := int64(64 << 20) // max-message is 16 MiB, and a buffer doubles
	if raceEnabled {
		growth *= 4 // the race detector keeps a shadow of what was touched
	}
	d := serve(t, rig.Options{Config: oneWorker})
	h := dial(t, d)
	call(t, h, "deadly.pid", "")
	base := memory(t, d.PID(), "VmRSS")
	refused(t, h, "worker_lost", "deadly.writes_an_endless_line", fmt.Sprintf("[%d]", size))
	grown := memory(t, d.PID(), "VmHWM") - base
	t.Logf("the daemon grew by %d KiB at its peak", grown>>10)
	if grown > growth {
		t.Errorf("the daemon grew by %d MiB, want < %d", grown>>20, growth>>20)
	}
	call(t, h, "deadly.pid", "")
}
