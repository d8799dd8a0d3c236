package acceptance

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// uvloopVariable names an interpreter that has uvloop: `make test` makes one.
const uvloopVariable = "MOCHI_PYD_TEST_UVLOOP_PYTHON"

// loops starts a daemon with two pools of one module: in "one" all calls share a
// loop, in "each" every call has its own.
func loops(t *testing.T, interpreter string) *rig.Daemon {
	t.Helper()
	const pools = `
[pool-defaults]
workers = 1
python-path = [%q]
python = %q
[pools.one]
module = "loops"
[pools.each]
module = "loops"
event-loop = "per-call"
`
	return serve(t, rig.Options{Config: fmt.Sprintf(pools, fixtures, interpreter)})
}

// sendAll sends calls of one method, without waiting for any.
func sendAll(t *testing.T, h *rig.Host, first, n int, method, params string) {
	t.Helper()
	for i := range n {
		if err := h.Send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, first+i, method, params)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEventLoopDecidesWhoseLoopACallIsOn is the configuration's key, end to end.
func TestEventLoopDecidesWhoseLoopACallIsOn(t *testing.T) {
	h := dial(t, loops(t, python))
	for i := 1; i <= 3; i++ {
		if got := call(t, h, "one.which", ""); got != "1" {
			t.Errorf("call %d of the persistent pool is on loop %s, want 1", i, got)
		}
		if got := call(t, h, "each.which", ""); got != fmt.Sprint(i) {
			t.Errorf("call %d of the per-call pool is on loop %s, want %d", i, got, i)
		}
	}
	for method, want := range map[string]string{
		"one.thread": `"mochi-asyncio-loop"`, "each.thread": `"mochi-asyncio-call"`, "one.main_thread": `"MainThread"`, "each.main_thread": `"MainThread"`,
	} {
		if got := call(t, h, method, ""); got != want {
			t.Errorf("%s runs on %s, want %s", method, got, want)
		}
	}
}

// TestASynchronousCallStallsNoCoroutine: what waits in C on the main thread
// keeps neither the coroutines that run from ending nor others from arriving.
func TestASynchronousCallStallsNoCoroutine(t *testing.T) {
	d := loops(t, python)
	for _, pool := range []string{"one", "each"} {
		t.Run(pool, func(t *testing.T) {
			const running, arriving = 10, 20
			h := dial(t, d)
			call(t, h, pool+".nap", "[0]") // the worker is there
			sendAll(t, h, 1, running, pool+".nap", "[0.3]")
			sendAll(t, h, 100, 1, pool+".block", "[1.5]")
			sendAll(t, h, 200, arriving, pool+".nap", "[0.05]")
			started := time.Now()
			for i := range running + arriving {
				line, err := h.Line()
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(line, `"id":100,`) {
					t.Fatalf("the synchronous call was answered before %d coroutines: %s", running+arriving-i, line)
				}
			}
			t.Logf("%d coroutines ended %s into a synchronous call of 1.5 s", running+arriving, time.Since(started).Round(time.Millisecond))
			if line, err := h.Line(); err != nil || !strings.Contains(line, `"id":100,"result":1.5`) {
				t.Errorf("the synchronous call gave %s (%v)", line, err)
			}
		})
	}
}

// TestALoopEnteredFromInsideIsReentry has the code, the kind and the way out.
func TestALoopEnteredFromInsideIsReentry(t *testing.T) {
	h := dial(t, loops(t, python))
	for _, pool := range []string{"one", "each"} {
		f := refused(t, h, "reentry", pool+".run_again", "")
		if f.Code != -32011 || !strings.HasPrefix(f.Message, "MochiAsyncReentryError: ") || !strings.Contains(f.Message, "await the coroutine") {
			t.Errorf("%d %s", f.Code, f.Message)
		}
		if got := call(t, h, pool+".nap", "[0.01]"); got != "0.01" {
			t.Errorf("after it, nap gave %s", got)
		}
	}
}

// TestWhatBelongsToAnotherLoopIsRefusedWithAHint: a future of one call's loop,
// awaited by the next.
func TestWhatBelongsToAnotherLoopIsRefusedWithAHint(t *testing.T) {
	h := dial(t, loops(t, python))
	call(t, h, "each.keep", "")
	f := refused(t, h, "python_error", "each.use", "")
	if hint, _ := f.Data["hint"].(string); !strings.Contains(hint, "inside the coroutine that uses them") || !strings.Contains(f.Message, hint) {
		t.Errorf("%s; hint: %q", f.Message, hint)
	}
}

// TestACallOnItsOwnLoopIsCancelledAndTheWorkerLives: the same cancellation as on
// the shared loop, `finally:` included.
func TestACallOnItsOwnLoopIsCancelledAndTheWorkerLives(t *testing.T) {
	d := loops(t, python)
	h := dial(t, d)
	sendAll(t, h, 1, 5, "each.tidy", "[30]")
	if !rig.Until(10*time.Second, func() bool { return d.Busy("each") > 0 }) {
		t.Fatal("the calls do not run")
	}
	for id := 1; id <= 5; id++ {
		if err := h.Send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%d}}`, id)); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		if line, err := h.Line(); err != nil || !strings.Contains(line, `-32800`) {
			t.Fatalf("%s (%v)", line, err)
		}
	}
	if p, err := d.Pool("each"); err != nil || p.Restarts != 0 {
		t.Errorf("%+v (%v), want the worker to live", p, err)
	}
	call(t, h, "each.ended", "")
}

// TestAnInstalledUvloopIsUsed runs the loops of an environment that has it.
func TestAnInstalledUvloopIsUsed(t *testing.T) {
	interpreter := os.Getenv(uvloopVariable)
	if interpreter == "" {
		t.Skipf("%s names no interpreter that has uvloop (make test makes one)", uvloopVariable)
	}
	d := loops(t, interpreter)
	h := dial(t, d)
	for _, pool := range []string{"one", "each"} {
		if got := call(t, h, pool+".engine", ""); got != `"uvloop"` {
			t.Errorf("%s runs on %s, want uvloop", pool, got)
		}
		refused(t, h, "reentry", pool+".run_again", "")
		sendAll(t, h, 1, 1, pool+".tidy", "[30]")
		if !rig.Until(10*time.Second, func() bool { return d.Busy(pool) > 0 }) {
			t.Fatal("the call does not run")
		}
		if err := h.Send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`); err != nil {
			t.Fatal(err)
		}
		if line, err := h.Line(); err != nil || !strings.Contains(line, `-32800`) {
			t.Fatalf("%s (%v)", line, err)
		}
		if got := call(t, h, pool+".nap", "[0.01]"); got != "0.01" {
			t.Errorf("after it, nap gave %s", got)
		}
	}
}
