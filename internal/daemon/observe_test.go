package daemon

import (
	"bytes"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// observed gives the log lines of some events.
func observed(t *testing.T, events ...supervisor.Event) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	d := &Daemon{notify: newNotifier(hclog.NewNullLogger()), log: hclog.New(&hclog.LoggerOptions{Output: &b, JSONFormat: true, Level: hclog.Trace})}
	d.pools = newRegistry(d)
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
		supervisor.Logged{Identity: id, Record: supervisor.LogRecord{Stream: "stdout", Level: "warning", Logger: "app.db", Message: "slow\x1b[2J", RequestID: "7", Function: "f"}},
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
		{"event": "worker_log", "@level": "warn", "stream": "stdout", "logger": "app.db", "request_id": "7", "function": "f", "@message": `slow\x1b[2J`},
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
