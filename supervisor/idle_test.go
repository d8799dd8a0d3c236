package supervisor

import (
	"syscall"
	"testing"
	"time"
)

// TestIdleWorkerCostsTheDaemonNothing watches the processor time of this
// process while a worker has nothing to do.
func TestIdleWorkerCostsTheDaemonNothing(t *testing.T) {
	w, _ := readyMini(t)
	ask1(t, w, "stderr", []any{"Traceback (most recent call last):\n"}) // and an unfinished record
	const span = 400 * time.Millisecond
	pause := time.NewTimer(2 * logIdle)
	<-pause.C
	before := cpuTime(t)
	pause.Reset(span)
	<-pause.C
	if used := cpuTime(t) - before; used > span/10 {
		t.Errorf("%v of processor time in %v of doing nothing", used, span)
	}
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

func BenchmarkCall(b *testing.B) {
	o := &benchOwner{done: make(chan struct{}, 1)}
	w := StartWorker(b.Context(), miniConfig(b, "mini", o))
	awaitReady(b, w)
	c, _ := newCall(b, "echo", []any{1, 2})
	b.ReportAllocs()
	for b.Loop() {
		if !w.Send(c, LaneMain, nil) {
			b.Fatal("refused")
		}
		<-o.done
	}
	w.Kill(ReasonParent)
	<-w.Done()
}
