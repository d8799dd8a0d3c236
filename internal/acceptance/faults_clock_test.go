package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// wallClock is the line of the standard library by which a program learns the
// time of day, and leaping makes it one of five every 50 ms: the right one, two
// hours fast, two hours slow, ten years fast, a year slow.
const (
	wallClock = "\tsec, nsec, mono := runtimeNow()\n"
	leaping   = wallClock + "\tsec += [...]int64{0, 7200, -7200, 3650 * 86400, -365 * 86400}[mono/50_000_000%5]\n"
)

// buildLeaping compiles the daemon so that its wall clock leaps. Nothing from
// outside can do that: the program is static, so no library can be put before
// its own, a time namespace leaves the wall clock alone, and the machine's
// clock is not a test's to change. What is compiled in its place is one line of
// package time; the rest is the program that ships.
func buildLeaping(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildLimit)
	defer cancel()
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Skipf("the standard library's source is not here (%v): no daemon whose wall clock leaps can be made", err)
	}
	if !strings.Contains(string(text), wallClock) {
		t.Fatalf("%s reads the clock in another way than it did: look for the new one", source)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, "time.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), wallClock, leaping, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: changed}})
	if err != nil {
		t.Fatal(err)
	}
	list, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "mochi-pyd")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", list, "-o", program, "github.com/mochilang/mochi-pyd/cmd/mochi-pyd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	return program
}

// TestAWallClockThatLeapsEndsNothingEarlyAndNothingLate is row F16's clock jump:
// deadlines, waits in the queue, backoffs, ages and idleness are all measured
// with the clock that cannot be set.
func TestAWallClockThatLeapsEndsNothingEarlyAndNothingLate(t *testing.T) {
	const watched = 4 * time.Second
	d := serve(t, rig.Options{
		Binary: buildLeaping(t),
		Config: fmt.Sprintf(`
[daemon]
import-policy = "any"
[pool-defaults]
workers = 1
cancel-grace = "300ms"
idle-timeout = "30m"
max-age = "1h"
python = %q
[pools.both]
[pools.nowhere]
module = "both"
python = %q
backoff-min = "1h"
backoff-max = "1h"
`, python, filepath.Join(t.TempDir(), "python3")),
	})
	h, second := dial(t, d), dial(t, d)
	began := time.Now()
	declared, imported := call(t, h, "both.pid", ""), call(t, h, "zoo.pid", "") // imported: on demand
	for time.Since(began) < watched {
		promptly(t, "a deadline of 500 ms", 1500*time.Millisecond, func() time.Duration {
			asked := time.Now()
			send(t, h, within(500*time.Millisecond, rig.Request(1, "both.sleep", "[30]")))
			a := answers(t, h, 1)[1]
			took := time.Since(asked)
			if a.Error.Kind() != "deadline_exceeded" || took < 490*time.Millisecond {
				t.Errorf("after %s it was answered %s %+v, want deadline_exceeded after 500 ms", took, a.Result, a.Error)
			}
			return took
		})
		send(t, second, within(20*time.Second, rig.Request(1, "both.nap", "[0.3]")), within(20*time.Second, rig.Request(2, "both.nap", "[0.3]")))
		for id, a := range answers(t, second, 1, 2) { // the one waits for the other
			if string(a.Result) != "0.3" {
				t.Errorf("call %d was answered %s %+v, want its result", id, a.Result, a.Error)
			}
		}
		refused(t, h, "pool_unavailable", "nowhere.add", "[1,2]")
	}
	if got := call(t, h, "both.pid", ""); got != declared {
		t.Errorf("worker %s of max-age 1h was followed by %s", declared, got)
	}
	if got := call(t, h, "zoo.pid", ""); got != imported {
		t.Errorf("worker %s of a pool that may be idle for half an hour was followed by %s", imported, got)
	}
	if starts := d.Log.Await(1, func(r rig.Record) bool { return r.Text("event") == "worker_exited" && r.Text("pool") == "nowhere" }); len(starts) != 1 {
		t.Errorf("with a backoff of an hour the interpreter was looked for %d times", len(starts))
	}
	// Lines are logged until their times show both ends of a leap.
	if !rig.Until(gentle, func() bool {
		call(t, h, "builtins.print", `["what time is it?"]`)
		return leapt(t, d) > 8*365*24*time.Hour
	}) {
		t.Errorf("the daemon's clock leapt by %s only: the test tried nothing", leapt(t, d))
	}
}

// leapt is how far apart the times of the log's lines are.
func leapt(t *testing.T, d *rig.Daemon) time.Duration {
	t.Helper()
	var first, last time.Time
	for _, r := range d.Log.Find(func(r rig.Record) bool { return r.Text("@timestamp") != "" }) {
		at, err := time.Parse(time.RFC3339Nano, r.Text("@timestamp"))
		if err != nil {
			t.Fatal(err)
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return last.Sub(first)
}
