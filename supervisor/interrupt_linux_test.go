package supervisor

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// TestCallHeldInCEndsWithItsWorkerAndShowsItsStacks is the blast radius too:
// what is beside it is lost or given back, as in any other death.
func TestCallHeldInCEndsWithItsWorkerAndShowsItsStacks(t *testing.T) {
	// A machine so busy that a process does not run for dumpWait shows no
	// stacks, and is no reason to fail.
	const attempts = 5
	for i := 1; ; i++ {
		e := endHeldInC(t)
		if strings.HasPrefix(e.Stack, "no Python stack") && i < attempts {
			continue
		}
		for _, part := range []string{"Current thread 0x", "Thread 0x", "mini_worker.py\", line", "in call", "in wait"} {
			if !strings.Contains(e.Stack, part) {
				t.Errorf("the stack lacks %q:\n%s", part, e.Stack)
			}
		}
		return
	}
}

func endHeldInC(t *testing.T) Exit {
	t.Helper()
	w, o := readyMini(t)
	beside, _ := sendCall(t, w, LaneLoop, "await", nil)
	awaitStarted(t, w, beside)
	ask1(t, w, "stderr", []any{"my own last words\n"})
	stuck, _ := sendCall(t, w, LaneMain, "in_c", nil)
	behind, _ := sendCall(t, w, LaneMain, "echo", nil)
	awaitStarted(t, w, stuck)
	const grace = 300 * time.Millisecond
	at := time.Now()
	interrupt(t, w, stuck, ReasonDeadline, grace)
	await(t, o.gone, "the end")
	if took := time.Since(at); took < grace {
		t.Errorf("it took %v to end a call with a grace of %v", took, grace)
	} else {
		t.Logf("a call with a grace of %v was ended after %v", grace, took)
	}
	for c, want := range map[*rpc.Call]Orphan{
		stuck:  {stuck, true, true},
		beside: {beside, true, false},
		behind: {behind, false, false},
	} {
		if got := orphanOf(t, o, c); got != want {
			t.Errorf("%s: started %v, interrupted %v", c.Function, got.Started, got.Interrupted)
		}
	}
	e := o.exit
	if e.Reason != ReasonDeadline || e.Status.Signal != syscall.SIGKILL || !strings.Contains(e.Detail, "in_c would not end within 300ms") {
		t.Errorf("exit: %s (%s), %+v", e.Reason, e.Detail, e.Status)
	}
	if tail := strings.Join(e.StderrTail, "\n"); tail != "my own last words" {
		t.Errorf("stderr_tail: %q", tail)
	}
	return e
}

func TestStoppedWorkerIsKilledForItsCall(t *testing.T) {
	for _, started := range []bool{true, false} {
		w, o := readyMini(t)
		pid := w.ID().PID
		stop := func() {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the worker is stopped", patience, func() bool { return muteness(pid) == "the process was stopped (SIGSTOP, or a debugger)" })
		}
		if !started {
			stop()
		}
		c, _ := sendCall(t, w, LaneMain, "sleep", []any{60})
		if started {
			awaitStarted(t, w, c)
			stop()
		}
		at := time.Now()
		interrupt(t, w, c, ReasonDeadline, 300*time.Millisecond)
		got := orphanOf(t, o, c)
		t.Logf("a call with a grace of 300ms was ended after %v", time.Since(at))
		if got.Started != started || !got.Interrupted || o.exit.Reason != ReasonDeadline {
			t.Errorf("%+v, %s", got, o.exit.Reason)
		}
		if !strings.Contains(o.exit.Stack, "was stopped") {
			t.Errorf("stack: %q", o.exit.Stack)
		}
		if running(pid) {
			t.Error("the process is still there")
		}
	}
}

func TestWorkerWithoutHandlersDiesOfTheQuestionForTheCall(t *testing.T) {
	o := newWitness()
	w := startMini(t, miniConfig(t, "deaf", o), o)
	awaitReady(t, w)
	c, _ := sendCall(t, w, LaneMain, "sleep", []any{60})
	awaitStarted(t, w, c)
	interrupt(t, w, c, ReasonCancel, 20*time.Millisecond)
	if got := orphanOf(t, o, c); !got.Interrupted || !got.Started {
		t.Errorf("%+v", got)
	}
	if o.exit.Reason != ReasonCancel || o.exit.Status.Signal != DumpSignal || !strings.Contains(o.exit.Stack, "no handler") {
		t.Errorf("exit: %+v", o.exit)
	}
}
