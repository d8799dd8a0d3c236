package daemon

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/internal/metrics"
	"github.com/mochilang/mochi-pyd/internal/version"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// observed gives the log lines of some events.
func observed(t *testing.T, events ...supervisor.Event) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	d := &Daemon{notify: newNotifier(hclog.NewNullLogger()), log: hclog.New(&hclog.LoggerOptions{Output: &b, JSONFormat: true, Level: hclog.Trace})}
	d.pools, d.meters = newRegistry(d), metrics.New(version.Of("test"))
	for _, e := range events {
		d.observe(e)
	}
	d.observeStatus(pool.StatusChanged{Pool: "p", From: pool.Open, To: pool.Broken})
	var lines []map[string]any
	for line := range bytes.Lines(b.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	return lines
}

func TestEachEventIsOneLineWithItsKeys(t *testing.T) {
	id := supervisor.Identity{Pool: "p", Slot: 1, Gen: 2, PID: 3}
	lines := observed(t,
		supervisor.Spawned{Identity: id},
		supervisor.BecameReady{Identity: id, Took: 30 * time.Millisecond, Python: "3.12.1"},
		supervisor.StateChanged{Identity: id, From: supervisor.Ready, To: supervisor.Dead},
		supervisor.Exited{Identity: id, Lost: 2, Exit: supervisor.Exit{Reason: supervisor.ReasonSignal, WasReady: true, Status: supervisor.WaitStatus{ExitCode: -1, Signal: syscall.SIGSEGV}, StderrTail: []string{"a", "b"}}},
		supervisor.Exited{Identity: id, Exit: supervisor.Exit{Reason: supervisor.ReasonRestart, WasReady: true}},
		supervisor.Exited{Identity: id, Exit: supervisor.Exit{Reason: supervisor.ReasonStartImport}},
		supervisor.BackedOff{Identity: id, Delay: time.Second, Streak: 3},
		supervisor.TooBigAtRest{Identity: id, Held: supervisor.Memory{Bytes: 300, Processes: 2}, Limit: 200},
		supervisor.Logged{Identity: id, Record: supervisor.LogRecord{Stream: "stdout", Level: "warning", Logger: "app.db", Message: "slow\x1b[2J", RequestID: "7", Function: "f", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}},
		supervisor.Logged{Identity: id, Record: supervisor.LogRecord{Stream: "stderr", Level: "error", Message: "Traceback (most recent call last):\n  boom"}},
	)
	want := []map[string]any{
		{"event": "worker_started", "@level": "debug"},
		{"event": "worker_ready", "@level": "info", "duration_ms": 30.0, "python": "3.12.1"},
		{"event": "worker_state", "@level": "trace", "from": "ready", "to": "dead"},
		{"event": "worker_exited", "@level": "warn", "reason": "signal", "signal": "SIGSEGV", "lost": 2.0, "last_line": "b"},
		{"event": "worker_exited", "@level": "info", "reason": "restart", "exit_code": 0.0},
		{"event": "worker_exited", "@level": "error", "reason": "start.import"},
		{"event": "worker_backoff", "@level": "warn", "backoff_ms": 1000.0, "restarts": 3.0},
		{"event": "memory_at_rest", "@level": "warn", "held_bytes": 300.0, "limit_bytes": 200.0},
		{"event": "worker_log", "@level": "warn", "stream": "stdout", "logger": "app.db", "request_id": "7", "function": "f", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "@message": `slow\x1b[2J`},
		{"event": "worker_log", "@level": "error", "stream": "stderr", "text": "Traceback (most recent call last):\n  boom"},
		{"event": "pool_status", "@level": "error", "from": "open", "to": "broken"},
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines for %d events", len(lines), len(want))
	}
	for i, w := range want {
		for key, value := range w {
			if lines[i][key] != value {
				t.Errorf("line %d: %s is %v, want %v", i, key, lines[i][key], value)
			}
		}
		for _, key := range []string{"pool", "slot", "pid", "generation"} {
			if _, has := lines[i][key]; !has && !strings.HasPrefix(w["event"].(string), "pool") {
				t.Errorf("line %d (%s) has no %s", i, w["event"], key)
			}
		}
	}
}

// answered gives the lines about calls of a pool that are answered so, one after the
// other.
func answered(t *testing.T, level hclog.Level, at func(i int) time.Time, answers ...*rpc.Error) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	d := &Daemon{log: hclog.New(&hclog.LoggerOptions{Output: &b, JSONFormat: true, Level: level})}
	told := d.hears("p", nil)
	for i, why := range answers {
		c := rpc.NewCall("p.f", nil, nil)
		c.Function, c.Arrived = "f", at(i)
		c.Meta.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		told(c, at(i).Add(5*time.Millisecond), why)
	}
	var lines []map[string]any
	for line := range bytes.Lines(b.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	return lines
}

// TestOnlyCallsThatSomebodyShouldLookAtAreLoggedByDefault: what a host did wrong, or
// its function raised, is the host's to hear.
func TestOnlyCallsThatSomebodyShouldLookAtAreLoggedByDefault(t *testing.T) {
	now := time.Now()
	answers := []*rpc.Error{
		nil, rpc.Errorf(rpc.KindPythonError, "boom"), rpc.Errorf(rpc.KindInvalidParams, "no"),
		{Code: 42, Message: "own"},
		rpc.Errorf(rpc.KindWorkerLost, "gone\nand more"), rpc.Errorf(rpc.KindDeadlineExceeded, "late"), rpc.Errorf(rpc.KindInternal, "bug"),
	}
	lines := answered(t, hclog.Info, func(int) time.Time { return now }, answers...)
	if len(lines) != 3 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for i, reason := range []string{"worker_lost", "deadline_exceeded", "internal"} {
		want := map[string]any{
			"@level": "warn", "event": "call_failed", "pool": "p", "function": "f", "request_id": "0", "reason": reason,
			"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "duration_ms": 5.0,
		}
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("%s: %s is %v, want %v", reason, key, lines[i][key], value)
			}
		}
	}
	if lines[0]["@message"] != "call failed: gone" {
		t.Errorf("the message is %q", lines[0]["@message"])
	}
	lines = answered(t, hclog.Debug, func(int) time.Time { return now }, answers...)
	if len(lines) != len(answers)-1 || lines[2]["reason"] != "other" {
		t.Errorf("at debug there are %d lines: %v", len(lines), lines)
	}
}

// TestAHostThatHasAllItsCallsRunOutOfTimeFillsNoLog, and what was held back is said.
func TestAHostThatHasAllItsCallsRunOutOfTimeFillsNoLog(t *testing.T) {
	const calls, perSecond = 1000, 500
	answers := make([]*rpc.Error, calls)
	for i := range answers {
		answers[i] = rpc.Errorf(rpc.KindDeadlineExceeded, "late")
	}
	now := time.Now()
	lines := answered(t, hclog.Info, func(i int) time.Time { return now.Add(time.Duration(i) * time.Second / perSecond) }, answers...)
	if len(lines) != maxCallLines*calls/perSecond {
		t.Fatalf("%d lines for %d calls in %d s", len(lines), calls, calls/perSecond)
	}
	if held := lines[maxCallLines]["held_back"]; held != float64(perSecond-maxCallLines) {
		t.Errorf("%v were held back, by the log", held)
	}
}

func TestAPoolThatIsStillStartingAlarmsNobody(t *testing.T) {
	died := &supervisor.Exit{Reason: supervisor.ReasonStartImport}
	for _, test := range []struct {
		event pool.StatusChanged
		level string
	}{
		{pool.StatusChanged{From: pool.Opening, To: pool.Degraded}, "info"},
		{pool.StatusChanged{From: pool.Opening, To: pool.Degraded, Cause: died}, "warn"},
		{pool.StatusChanged{From: pool.Open, To: pool.Degraded}, "warn"},
	} {
		var b bytes.Buffer
		d := &Daemon{notify: newNotifier(hclog.NewNullLogger()), log: hclog.New(&hclog.LoggerOptions{Output: &b, JSONFormat: true})}
		d.observeStatus(test.event)
		if !strings.Contains(b.String(), `"@level":"`+test.level+`"`) {
			t.Errorf("%+v: %s", test.event, b.String())
		}
	}
}

func TestTheLineThatSaysMostIsTheInnermostFrameOfACrash(t *testing.T) {
	crash := []string{"  File \"selectors.py\", line 468 in select", "", "Current thread 0x2 (most recent call first):", "  File \"a.py\", line 9 in crash", "  File \"worker.py\", line 67 in <module>"}
	for _, c := range []struct {
		tail []string
		want string
	}{
		{[]string{"a", "b"}, "b"},
		{[]string{""}, ""},
		{[]string{"Traceback (most recent call last):", "  File \"a.py\", line 9, in f", "ValueError: bad"}, "ValueError: bad"},
		{crash, crash[3]},
		{append(slices.Clone(crash), "", "Extension modules: x (total: 1)"), crash[3]},
		{crash[4:], crash[4]},
	} {
		if got := LastLine(c.tail); got != c.want {
			t.Errorf("of %q: %q, want %q", c.tail, got, c.want)
		}
	}
}
