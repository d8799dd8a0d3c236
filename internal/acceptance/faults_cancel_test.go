package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// The pool of these tests: one worker, so that a seat that is not freed shows.
const oneWorker = "[daemon]\nimport-policy = \"any\"\n[pool-defaults]\nworkers = 1\ncancel-grace = \"300ms\"\n"

// TestACancelledCallIsAnsweredInTimeAndItsWorkerLives is row F10, over the wire.
func TestACancelledCallIsAnsweredInTimeAndItsWorkerLives(t *testing.T) {
	d := serve(t, rig.Options{Config: oneWorker})
	file, quoted := counter(t)
	h := dial(t, d)
	pid := call(t, h, "both.pid", "") + call(t, h, "zoo.pid", "") + call(t, h, "counted.pid", "")
	call(t, h, "counted.run", `[`+quoted+`,"warm",0]`)

	t.Run("queued", func(t *testing.T) {
		promptly(t, "$/cancelRequest of a queued call to its answer", 100*time.Millisecond, func() time.Duration {
			send(t, h, rig.Request(1, "both.nap", "[0.4]"))
			runs(t, d, "both", "nap")
			send(t, h, rig.Request(2, "both.nap", "[600]"), rig.Request(3, "both.add", "[3,4]"))
			took := cancelled(t, h, 2, false)
			got := answers(t, h, 1, 3)
			if string(got[1].Result) != "0.4" || string(got[3].Result) != "7" {
				t.Errorf("its neighbours were answered %s %+v and %s %+v", got[1].Result, got[1].Error, got[3].Result, got[3].Error)
			}
			return took
		})
	})
	for _, c := range []struct {
		name, pool, function, params string
		limit                        time.Duration
	}{
		{"awaiting", "counted", "tidy", `[` + quoted + `,600]`, 100 * time.Millisecond},
		{"in a Python loop", "zoo", "spin", "", 300 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			promptly(t, "$/cancelRequest of a call "+c.name+" to its answer", c.limit, func() time.Duration {
				send(t, h, rig.Request(1, c.pool+"."+c.function, c.params), rig.Request(2, "both.sleep", "[0.4]"))
				runs(t, d, c.pool, c.function)
				took := cancelled(t, h, 1, true)
				if a := answers(t, h, 2)[2]; string(a.Result) != "0.4" {
					t.Errorf("its neighbour was answered %s %+v", a.Result, a.Error)
				}
				return took
			})
		})
	}
	if got := ran(t, file); got[len(got)-1] != "tidied" {
		t.Errorf("the coroutine's finally: did not run, only %v", got)
	}
	if after := call(t, h, "both.pid", "") + call(t, h, "zoo.pid", "") + call(t, h, "counted.pid", ""); after != pid {
		t.Errorf("workers %s were %s before the cancellations", after, pid)
	}
}

// TestACancelledCallInCCostsItsWorkerAfterTheGraceAndNothingElse is the last
// part of row F10.
func TestACancelledCallInCCostsItsWorkerAfterTheGraceAndNothingElse(t *testing.T) {
	const grace = 300 * time.Millisecond
	d := serve(t, rig.Options{Config: oneWorker})
	h := dial(t, d)
	before := call(t, h, "zoo.pid", "")
	other := call(t, h, "both.pid", "")
	send(t, h, rig.Request(1, "zoo.busy_in_c", ""), rig.Request(2, "zoo.add", "[3,4]"), rig.Request(3, "both.sleep", "[0.6]"))
	runs(t, d, "zoo", "busy_in_c")
	started := time.Now()
	send(t, h, cancelling(1))
	got := answers(t, h, 1, 2, 3)
	if took := time.Since(started); took < grace {
		t.Errorf("all was over after %s, before the grace of %s", took, grace)
	}
	mustBeCancelled(t, got[1], true)
	if string(got[2].Result) != "7" || string(got[3].Result) != "0.6" {
		t.Errorf("its neighbours were answered %s %+v and %s %+v", got[2].Result, got[2].Error, got[3].Result, got[3].Error)
	}
	if after := call(t, h, "zoo.pid", ""); after == before {
		t.Errorf("worker %s still serves", after)
	}
	if after := call(t, h, "both.pid", ""); after != other {
		t.Errorf("the other pool's worker was %s and is %s", other, after)
	}
}

// cancelled cancels a call and waits for its answer alone.
func cancelled(t *testing.T, h *rig.Host, id int, begun bool) time.Duration {
	t.Helper()
	started := time.Now()
	send(t, h, cancelling(id))
	a := answers(t, h, id)[id]
	took := time.Since(started)
	mustBeCancelled(t, a, begun)
	return took
}

func mustBeCancelled(t *testing.T, a rig.Answer, begun bool) {
	t.Helper()
	if a.Error.Kind() != "request_cancelled" || a.Error.Code != -32800 || a.Error.Data["started"] != begun {
		t.Errorf("answered %s %+v, want -32800 request_cancelled, started %t", a.Result, a.Error, begun)
	}
	if _, there := a.Error.Data["stack"]; there {
		t.Errorf("who cancels is shown a stack: %+v", a.Error)
	}
}

// TestADeadlineIsHardWhateverTheCallDoes is row F3, through meta.timeout_ms: a
// pool of one, 500 ms, a grace of 300 ms. The answer comes within a second of
// the deadline and never before it and says where the call was, the seat is
// free, nothing is left.
func TestADeadlineIsHardWhateverTheCallDoes(t *testing.T) {
	onlyWithProc(t)
	const deadline = 500 * time.Millisecond
	d := serve(t, rig.Options{Config: oneWorker})
	h := dial(t, d)
	for _, c := range []struct {
		function string
		killed   bool // nothing less ends it
		says     string
	}{
		{"spin", false, "in spin"},
		{"deadlock", false, "in deadlock"},
		{"sleeps", false, "in sleeps"},
		{"sleeps_in_c", false, "in sleeps_in_c"},
		{"awaits", false, "in awaits"},
		{"busy_in_c", true, "in busy_in_c"},
		{"stop_itself", true, "stopped"}, // it cannot show any
	} {
		t.Run(c.function, func(t *testing.T) {
			promptly(t, "the deadline of "+c.function+" to its answer", soon, func() time.Duration {
				before := call(t, h, "zoo.pid", "")
				started := time.Now()
				send(t, h, within(deadline, rig.Request(1, "zoo."+c.function, "")))
				a := answers(t, h, 1)[1]
				took := time.Since(started)
				if a.Error.Kind() != "deadline_exceeded" || a.Error.Data["started"] != true {
					t.Fatalf("answered %s %+v", a.Result, a.Error)
				}
				if took < deadline {
					t.Errorf("answered after %s, before the deadline", took)
				}
				if stack, _ := a.Error.Data["stack"].(string); !strings.Contains(stack, c.says) {
					t.Errorf("the stack does not say %q: %v", c.says, a.Error.Data)
				}
				var pid int
				if _, err := fmt.Sscan(before, &pid); err != nil {
					t.Fatal(err)
				}
				if c.killed && alive(pid) {
					t.Errorf("worker %d was answered for, and lives", pid)
				}
				if after := call(t, h, "zoo.pid", ""); (after != before) != c.killed {
					t.Errorf("worker %s before, %s after, killed should be %t", before, after, c.killed)
				}
				return took - deadline
			})
		})
	}
}

// TestACallThatExpiresInTheQueueNeverStarts: what ran out of time before its
// turn says so and did nothing.
func TestACallThatExpiresInTheQueueNeverStarts(t *testing.T) {
	d := serve(t, rig.Options{Config: oneWorker})
	file, quoted := counter(t)
	h := dial(t, d)
	send(t, h, rig.Request(1, "counted.run", `[`+quoted+`,"long",0.5]`))
	runs(t, d, "counted", "run")
	send(t, h, within(100*time.Millisecond, rig.Request(2, "counted.run", `[`+quoted+`,"late",0]`)))
	if a := answers(t, h, 2)[2]; a.Error.Kind() != "deadline_exceeded" || a.Error.Data["started"] != false {
		t.Errorf("answered %s %+v, want deadline_exceeded, not started", a.Result, a.Error)
	}
	answers(t, h, 1)
	if got := call(t, h, "counted.run", `[`+quoted+`,"next",0]`); got != `"next"` {
		t.Errorf("the next call was answered %s", got)
	}
	if got := fmt.Sprint(ran(t, file)); got != "[long next]" {
		t.Errorf("ran %s, want the long call and the next", got)
	}
}
