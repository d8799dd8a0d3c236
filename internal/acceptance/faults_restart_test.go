package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// load calls a function at a steady rate until it is stopped, and then gives
// the different results; each call must have one.
func load(t *testing.T, d *rig.Daemon, method string) (stop func() map[string]int) {
	t.Helper()
	const rate = 200 // calls a second
	h := dial(t, d)
	over, results := make(chan struct{}), make(chan map[string]int)
	go func() {
		seen := map[string]int{}
		defer func() { results <- seen }()
		next := time.NewTicker(time.Second / rate)
		defer next.Stop()
		for {
			select {
			case <-over:
				return
			case <-next.C:
			}
			a, err := h.Call(method, "")
			if err != nil || a.Error != nil {
				t.Errorf("under load: %v %+v", err, a.Error)
				return
			}
			seen[string(a.Result)]++
		}
	}()
	return func() map[string]int {
		close(over)
		return <-results
	}
}

// TestTwentyRollingRestartsUnderLoadFailNoCall is row F13: 200 calls a second,
// every worker replaced twenty times.
func TestTwentyRollingRestartsUnderLoadFailNoCall(t *testing.T) {
	const restarts = 20
	d := serve(t, rig.Options{Workers: 2})
	call(t, dial(t, d), "both.pid", "")
	whole(t, d, "both")
	stop := load(t, d, "both.pid")
	operator := connect(t, d.Control)
	for range restarts {
		call(t, operator, "mochi.restart", `{"pool":"both","wait":true}`)
	}
	workers, calls := stop(), 0
	for _, n := range workers {
		calls += n
	}
	t.Logf("%d calls on %d workers", calls, len(workers))
	if len(workers) < restarts {
		t.Errorf("only %d workers served in %d restarts", len(workers), restarts)
	}
}

// TestBrokenNewCodeKeepsTheOldServing is row F13 too: a restart into a
// SyntaxError says so and changes nothing; the next one, mended, takes.
func TestBrokenNewCodeKeepsTheOldServing(t *testing.T) {
	dir := t.TempDir()
	write := func(source string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "evolving.py"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("def version():\n    return 1\n")
	d := serve(t, rig.Options{Workers: 2, Env: []string{"PYTHONPATH=" + dir, "PYTHONDONTWRITEBYTECODE=1"}})
	h := dial(t, d)
	call(t, h, "evolving.version", "")
	whole(t, d, "evolving")
	stop := load(t, d, "evolving.version")
	operator := connect(t, d.Control)
	write("def version(:\n    return 2\n")
	a, err := operator.Call("mochi.restart", `{"pool":"evolving","wait":true}`)
	if err != nil {
		t.Fatal(err)
	}
	if a.Error == nil || !strings.Contains(a.Error.Message, "SyntaxError") && !strings.Contains(a.Error.Message, "invalid syntax") {
		t.Errorf("the restart into broken code was answered %s %+v", a.Result, a.Error)
	}
	if got := call(t, h, "evolving.version", ""); got != "1" {
		t.Errorf("after it the pool answers %s, want the old 1", got)
	}
	write("def version():\n    return 3\n")
	call(t, operator, "mochi.restart", `{"pool":"evolving","wait":true}`)
	if got := call(t, h, "evolving.version", ""); got != "3" {
		t.Errorf("after the mended code the pool answers %s, want 3", got)
	}
	if got := stop(); got["1"] == 0 || got["2"] > 0 {
		t.Errorf("the callers saw versions %v", got)
	}
}
