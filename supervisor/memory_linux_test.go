package supervisor

import (
	"os"
	"strings"
	"testing"
)

func TestEachWorkerIsWeighedWithItsOwnProcessesAlone(t *testing.T) {
	var workers []*Worker
	for range 2 {
		o := newWitness()
		w := startMini(t, miniConfig(t, "mini", o), o)
		awaitReady(t, w)
		workers = append(workers, w)
	}
	for i, m := range Weigh(workers, 1<<40) {
		if m.Processes != 1 || m.Bytes < 1<<20 || m.Bytes > 1<<30 {
			t.Errorf("worker %d weighs %s, want one interpreter", i, m)
		}
	}
	workers[0].Kill(ReasonOperator)
	<-workers[0].Done()
	m := Weigh(workers, 1<<40)
	if m[0].Processes != 0 || m[1].Processes != 1 {
		t.Errorf("after the death of the first they weigh %s and %s", m[0], m[1])
	}
}

func TestAProcessWeighsNoMoreByItsShareThanInFull(t *testing.T) {
	pid := os.Getpid()
	share, full := proportional(pid), resident(pid)
	if share <= 0 || full <= 0 || share > full+full/5 { // it grows between the two
		t.Errorf("this process weighs %d by its share and %d in full", share, full)
	}
}

func TestAKillByTheHardLimitNamesWhatWasHeld(t *testing.T) {
	o := newWitness()
	w := startMini(t, miniConfig(t, "mini", o), o)
	awaitReady(t, w)
	call, running := sendCall(t, w, LaneMain, "sleep", []any{60})
	awaitStarted(t, w, call)
	w.KillOversized(Memory{Bytes: 3 << 30, Processes: 2}, 2<<30)
	a := await(t, running, "the running call")
	const want = "was killed because it held 3072.0 MiB in 2 processes, more than max-memory-hard (2048.0 MiB) while running sleep"
	if a.err == nil || !strings.Contains(a.err.Message, want) || !strings.Contains(string(a.err.Data), `"oom":true`) {
		t.Errorf("the call was answered %+v, want %q", a, want)
	}
	<-w.Done()
	if e := w.Exit(); e.Reason != ReasonOOM {
		t.Errorf("it ended by %s, want oom", e.Reason)
	}
}

func BenchmarkWeigh(b *testing.B) {
	var workers []*Worker
	for range 8 {
		o := newWitness()
		w := startMini(b, miniConfig(b, "mini", o), o)
		awaitReady(b, w)
		workers = append(workers, w)
	}
	for b.Loop() {
		Weigh(workers, 1<<40)
	}
}
