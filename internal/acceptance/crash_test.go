package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestASegfaultKillsOneWorkerAndOneCall: the call fails with everything that is
// known, the calls behind it succeed, and the pool is whole again at once.
func TestASegfaultKillsOneWorkerAndOneCall(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	call(t, h, "crashy.add", "[1,1]")
	whole(t, d, "crashy")

	promptly(t, "segfault to whole pool", time.Second, func() time.Duration {
		before := call(t, h, "crashy.pid", "")
		const behind = 20
		lines := []string{rig.Request(1000, "crashy.segfault", "")}
		for id := range behind {
			lines = append(lines, rig.Request(id, "crashy.add", "[3,4]"))
		}
		started := time.Now()
		if err := h.Send(strings.Join(lines, "\n")); err != nil {
			t.Fatal(err)
		}
		for range behind + 1 {
			a, err := h.Read()
			if err != nil {
				t.Fatal(err)
			}
			if string(a.ID) != "1000" {
				if a.Error != nil || string(a.Result) != "7" {
					t.Errorf("call %s behind the crash gave %s %+v", a.ID, a.Result, a.Error)
				}
				continue
			}
			mustBlameSegfault(t, a)
		}
		whole(t, d, "crashy")
		took := time.Since(started)
		if after := call(t, h, "crashy.pid", ""); after == before {
			t.Errorf("worker %s still answers after its segfault", before)
		}
		return took
	})
}

// mustBlameSegfault wants the error's kind, signal and stack.
func mustBlameSegfault(t *testing.T, a rig.Answer) {
	t.Helper()
	if a.Error.Kind() != "worker_lost" || a.Error.Code != -32001 {
		t.Fatalf("the segfault gave %s %+v, want worker_lost", a.Result, a.Error)
	}
	if got := a.Error.Data["signal"]; got != "SIGSEGV" {
		t.Errorf("data.signal is %v, want SIGSEGV", got)
	}
	if got := a.Error.Data["started"]; got != true {
		t.Errorf("data.started is %v, want true", got)
	}
	if !strings.Contains(a.Error.Message, "SIGSEGV") {
		t.Errorf("the message %q does not name SIGSEGV", a.Error.Message)
	}
	all := fmt.Sprint(a.Error.Data["stack"], a.Error.Data["stderr_tail"])
	for _, part := range []string{"Segmentation fault", "crashy.py", "segfault"} {
		if !strings.Contains(all, part) {
			t.Errorf("neither stack nor stderr_tail holds %q of faulthandler's text: %v", part, a.Error.Data)
		}
	}
}

// TestACrashTouchesNoOtherPool: one pool's trouble is no other pool's.
func TestACrashTouchesNoOtherPool(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	before := call(t, h, "both.pid", "")
	refused(t, h, "worker_lost", "crashy.segfault", "")
	if after := call(t, h, "both.pid", ""); after != before {
		t.Errorf("the other pool's worker was %s and is %s", before, after)
	}
}

// The promise: 12 spawns a minute at most, however often callers ask.
const (
	watched    = time.Minute
	spawnLimit = 12
	askEvery   = 100 * time.Millisecond
)

// TestAModuleThatDiesAtImportIsNotSpawnedForEver watches two of them for the
// whole minute that the promise speaks of, while callers keep asking: one
// raises, one is gone without a word to us. Callers learn what it said.
func TestAModuleThatDiesAtImportIsNotSpawnedForEver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raised, vanished := filepath.Join(dir, "raised"), filepath.Join(dir, "vanished")
	d := serve(t, rig.Options{Env: []string{"MOCHI_ACCEPTANCE_SPAWNS=" + raised, "MOCHI_ACCEPTANCE_VANISHED=" + vanished}})
	h := dial(t, d)

	var raise, vanish *rig.Failure
	asked := 0
	ask := time.NewTicker(askEvery)
	defer ask.Stop()
	for end := time.Now().Add(watched); time.Now().Before(end); <-ask.C {
		asked++
		for module, into := range map[string]**rig.Failure{"dies_at_import": &raise, "vanishes_at_import": &vanish} {
			a, err := h.Call(module+".f", "[]")
			if err != nil {
				t.Fatal(err)
			}
			if a.Error == nil {
				t.Fatalf("%s.f gave %s", module, a.Result)
			}
			*into = a.Error
		}
	}
	for module, count := range map[string]string{"dies_at_import": raised, "vanishes_at_import": vanished} {
		text, err := os.ReadFile(count)
		if err != nil {
			t.Fatal(err)
		}
		spawns := strings.Count(string(text), "\n")
		t.Logf("%s: %d spawns in %s under %d calls", module, spawns, watched, asked)
		if spawns > spawnLimit {
			t.Errorf("%s was spawned %d times in %s, promised ≤ %d", module, spawns, watched, spawnLimit)
		}
	}
	for _, part := range []string{"no licence for this machine", "dies_at_import.py", "RuntimeError"} {
		if all := fmt.Sprint(raise.Message, raise.Data); !strings.Contains(all, part) {
			t.Errorf("the last caller did not learn %q: %s", part, all)
		}
	}
	if all := fmt.Sprint(vanish.Message, vanish.Data); !strings.Contains(all, "last words of the module") {
		t.Errorf("the last caller did not learn the module's last words: %s", all)
	}
}
