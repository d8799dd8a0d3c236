package supervisor

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// slowGraves is the real spawner, but its processes are buried only when the
// test lets them be.
type slowGraves struct {
	Spawner
	mu     sync.Mutex
	spawns int
	bury   chan struct{}
}

func (s *slowGraves) Spawn(ctx context.Context, c Command, f Files) (Process, error) {
	p, err := s.Spawner.Spawn(ctx, c, f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spawns++
	return slowProcess{p, s.bury}, err
}

func (s *slowGraves) spawned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spawns
}

type slowProcess struct {
	Process
	bury chan struct{}
}

func (p slowProcess) Bury() {
	<-p.bury
	p.Process.Bury()
}

// slowSlot is a slot whose dead are buried when bury is closed.
func slowSlot(t *testing.T) (r *slotRig, graves *slowGraves, o *witness) {
	t.Helper()
	graves = &slowGraves{Spawner: OS(), bury: make(chan struct{})}
	o = newWitness()
	r = newSlotRigOf(t, &openGate{}, func(c *WorkerConfig) { c.Spawner, c.Hook = graves, o.hook })
	return r, graves, o
}

func TestTheSuccessorIsStartedWhileTheDeadOneIsBuried(t *testing.T) {
	r, graves, o := slowSlot(t)
	w := r.serving(t, 1)
	ask1(t, w, "echo", []any{1})
	if err := syscall.Kill(w.ID().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.until(t, "the successor is ready", func() bool {
		next := r.slot.Starting()
		return next != nil && next.State() == Ready
	})
	select {
	case <-w.Done():
		t.Error("the dead one is buried already")
	default:
	}
	if r.slot.Current() != w || r.slot.Stat().State != SlotUp {
		t.Error("the slot has changed hands before the dead one is buried")
	}
	close(graves.bury)
	r.serving(t, 2)
	if e := w.Exit(); e.Reason != ReasonSignal || r.slot.Stat().LastExit.Reason != ReasonSignal {
		t.Errorf("exit: %+v", e)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.events, func(e Event) bool { s, ok := e.(Spawned); return ok && s.Gen == 2 })
	if i < 0 || o.events[i].(Spawned).Reason != ReasonSignal {
		t.Errorf("the successor was not said to follow a signal: %+v", o.events)
	}
}

func TestADeathThatMayCountIsBuriedBeforeTheNextStart(t *testing.T) {
	r, graves, _ := slowSlot(t)
	w := r.serving(t, 1) // and has not answered anything
	if err := syscall.Kill(w.ID().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.until(t, "it is dead", func() bool { return w.State() == Dead })
	if entered, _, _ := r.gate.told(); entered != 1 || graves.spawned() != 1 {
		t.Errorf("the gate was asked %d times before it heard of the death", entered)
	}
	close(graves.bury)
	r.serving(t, 2)
}

func TestAHardRestartIsAnsweredWhenTheDeadOneIsBuried(t *testing.T) {
	r, graves, _ := slowSlot(t)
	w := r.serving(t, 1)
	restarted := r.slot.Restart(ReasonOperator, true)
	r.until(t, "the successor is ready", func() bool {
		next := r.slot.Starting()
		return next != nil && next.State() == Ready
	})
	select {
	case err := <-restarted:
		t.Errorf("answered (%v) before the old one was buried", err)
	default:
	}
	close(graves.bury)
	if err := await(t, restarted, "the restart"); err != nil {
		t.Error(err)
	}
	await(t, w.Done(), "the old one")
	r.serving(t, 2)
}
