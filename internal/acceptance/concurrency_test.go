package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestOneModuleServesDefAndAsyncDefInOneWorker is row M11.
func TestOneModuleServesDefAndAsyncDefInOneWorker(t *testing.T) {
	h := dial(t, serve(t, rig.Options{Workers: 1}))
	if got := call(t, h, "both.add", "[3,4]"); got != "7" {
		t.Errorf("def add gave %s", got)
	}
	if got := call(t, h, "both.aadd", "[3,4]"); got != "7" {
		t.Errorf("async def aadd gave %s", got)
	}
	if def, async := call(t, h, "both.pid", ""), call(t, h, "both.apid", "[]"); def != async {
		t.Errorf("def ran in process %s, async def in %s", def, async)
	}
}

// TestAHundredCoroutinesSleepTogether wants them on one worker, at once.
func TestAHundredCoroutinesSleepTogether(t *testing.T) {
	h := dial(t, serve(t, rig.Options{Workers: 1}))
	call(t, h, "both.sleep", "[0]")
	promptly(t, "100 × async sleep(0.1) on one worker", 400*time.Millisecond, func() time.Duration {
		return burst(t, h, 100, "both.sleep", "[0.1]")
	})
}

// burst writes n requests at once and reads until each has its one answer.
func burst(t *testing.T, h *rig.Host, n int, method, params string) time.Duration {
	t.Helper()
	var lines strings.Builder
	for id := range n {
		lines.WriteString(rig.Request(id, method, params) + "\n")
	}
	started := time.Now()
	if err := h.Send(strings.TrimSuffix(lines.String(), "\n")); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range n {
		a, err := h.Read()
		if err != nil {
			t.Fatalf("after %d of %d answers: %v", len(seen), n, err)
		}
		if a.Error != nil {
			t.Fatalf("call %s failed: %s", a.ID, a.Error.Message)
		}
		if seen[string(a.ID)] {
			t.Fatalf("call %s was answered twice", a.ID)
		}
		seen[string(a.ID)] = true
	}
	return time.Since(started)
}

// TestAThousandRequestsBeforeTheFirstReadAreAnswered wants each answered once.
func TestAThousandRequestsBeforeTheFirstReadAreAnswered(t *testing.T) {
	h := dial(t, serve(t, rig.Options{}))
	t.Logf("1,000 calls in %s", burst(t, h, 1000, "both.add", "[3,4]"))
}

// TestALongCallDoesNotHoldShortOnesUp: two workers, one call of 2 s, then 100
// of 10 ms on the same connection.
func TestALongCallDoesNotHoldShortOnesUp(t *testing.T) {
	d := serve(t, rig.Options{Workers: 2})
	h := dial(t, d)
	call(t, h, "both.add", "[1,1]")
	whole(t, d, "both")
	promptly(t, "100 × 10 ms beside one call of 2 s", 1300*time.Millisecond, func() time.Duration {
		var lines strings.Builder
		lines.WriteString(rig.Request(1000, "both.nap", "[2]"))
		for id := range 100 {
			lines.WriteString("\n" + rig.Request(id, "both.nap", "[0.01]"))
		}
		started := time.Now()
		if err := h.Send(lines.String()); err != nil {
			t.Fatal(err)
		}
		var short time.Duration
		for n := range 101 {
			a, err := h.Read()
			if err != nil || a.Error != nil {
				t.Fatalf("answer %d: %v %+v", n, err, a.Error)
			}
			if string(a.ID) != "1000" {
				short = time.Since(started)
			}
		}
		return short
	})
}

// TestABatchRunsConcurrently: 2 × sleep(0.2) on two workers.
func TestABatchRunsConcurrently(t *testing.T) {
	d := serve(t, rig.Options{Workers: 2})
	h := dial(t, d)
	call(t, h, "both.nap", "[0]")
	whole(t, d, "both")
	promptly(t, "a batch of 2 × sleep(0.2) on two workers", 350*time.Millisecond, func() time.Duration {
		started := time.Now()
		if err := h.Send("[" + rig.Request(1, "both.nap", "[0.2]") + "," + rig.Request(2, "both.nap", "[0.2]") + "]"); err != nil {
			t.Fatal(err)
		}
		line, err := h.Line()
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(started)
		for id := 1; id <= 2; id++ {
			if !strings.HasPrefix(line, "[") || !strings.Contains(line, fmt.Sprintf(`"id":%d`, id)) || strings.Count(line, `"result":0.2`) != 2 {
				t.Fatalf("the batch was answered %s", line)
			}
		}
		return took
	})
}

// TestALongSynchronousCallKeepsNoCoroutineWaiting is the mixed worker's point.
func TestALongSynchronousCallKeepsNoCoroutineWaiting(t *testing.T) {
	h := dial(t, serve(t, rig.Options{Workers: 1}))
	call(t, h, "both.aadd", "[0,0]")
	promptly(t, "a coroutine beside a synchronous call of 0.5 s on one worker", 300*time.Millisecond, func() time.Duration {
		started := time.Now()
		if err := h.Send(rig.Request(1, "both.nap", "[0.5]") + "\n" + rig.Request(2, "both.aadd", "[3,4]")); err != nil {
			t.Fatal(err)
		}
		var coroutine time.Duration
		for range 2 {
			a, err := h.Read()
			if err != nil || a.Error != nil {
				t.Fatalf("%v %+v", err, a.Error)
			}
			if string(a.ID) == "2" {
				coroutine = time.Since(started)
			}
		}
		return coroutine
	})
}
