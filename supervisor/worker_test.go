package supervisor

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestWorkerAnswersOnBothLanes(t *testing.T) {
	w, o := readyMini(t)
	if r := await(t, o.ready, "ready"); r.Module != "mini" || r.Protocol != 1 || !r.Loop {
		t.Errorf("ready: %+v", r)
	}
	if a := ask1(t, w, "echo", []any{1, "two"}); a.result != `[1, "two"]` {
		t.Errorf("echo: %+v", a)
	}
	slow := send(t, w, LaneLoop, "sleep", []any{0.2})
	quick := send(t, w, LaneLoop, "echo", []any{})
	if a := await(t, quick, "the quick one"); a.result != "[]" {
		t.Errorf("echo: %+v", a)
	}
	select {
	case <-slow:
		t.Error("the slow one overtook")
	default:
	}
	await(t, slow, "the slow one")
	if a := ask1(t, w, "nothing", nil); a.err == nil || a.err.Kind() != rpc.KindPythonError || dataOf(t, a.err)["type"] != "ValueError" {
		t.Errorf("nothing: %+v", a)
	}
	w.Stop(ReasonScale)
	await(t, o.gone, "the end")
	if o.exit.Reason != ReasonScale || o.exit.Status.ExitCode != 0 || o.exit.Answered != 4 {
		t.Errorf("exit: %+v", o.exit)
	}
	want := []string{
		"spawned", "starting>ready", "ready", "ready>stopping", "stopping>dead", "exited scale lost=0 requeued=0",
	}
	await(t, w.Done(), "done")
	if d := cmp.Diff(want, o.life()); d != "" {
		t.Error(d)
	}
}

func TestSegfaultNamesItsCause(t *testing.T) {
	w, o := readyMini(t)
	a := send(t, w, LaneMain, "segv", nil)
	behind := send(t, w, LaneMain, "echo", []any{1})
	lost := await(t, a, "the call that crashed")
	data := dataOf(t, lost.err)
	if lost.err.Kind() != rpc.KindWorkerLost || data["signal"] != "SIGSEGV" || data["started"] != true || data["retryable"] != false {
		t.Errorf("%v %v", lost.err, data)
	}
	if s := fmt.Sprint(data["stack"]); !strings.HasPrefix(s, "Fatal Python error: Segmentation fault") || !strings.Contains(s, "mini_worker.py") {
		t.Errorf("stack: %s", s)
	}
	if s := fmt.Sprint(data["stderr_tail"]); !strings.Contains(s, "about to crash") {
		t.Errorf("stderr_tail: %s", s)
	}
	if !strings.Contains(lost.err.Message, "died by SIGSEGV while running segv") {
		t.Errorf("message: %s", lost.err.Message)
	}
	if d := dataOf(t, await(t, behind, "the call behind").err); d["started"] != false || d["retryable"] != true {
		t.Errorf("behind: %v", d)
	}
	await(t, o.gone, "the end")
	if o.exit.Reason != ReasonSignal || o.exit.Status.Signal != syscall.SIGSEGV || len(o.left) != 2 {
		t.Errorf("exit: %+v", o.exit)
	}
}

func TestStopOfAWorkerThatIgnoresTermEndsInKill(t *testing.T) {
	o := newWitness()
	cfg := miniConfig(t, "stay", o)
	cfg.StopTimeout = 50 * time.Millisecond
	w := startMini(t, cfg, o)
	awaitReady(t, w)
	ask1(t, w, "ignore_term", nil)
	w.Stop(ReasonRestart)
	await(t, o.gone, "the end")
	if o.exit.Status.Signal != syscall.SIGKILL || o.exit.Reason != ReasonRestart {
		t.Errorf("exit: %+v", o.exit)
	}
}
