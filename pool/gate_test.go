package pool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// idlePool is a pool that is not running: its gate and queue work, its slots
// do nothing.
func idlePool(t *testing.T, config Config) *Pool {
	t.Helper()
	config.Name = "test"
	p, err := New(Options{
		Config:  config,
		Spawner: noSpawner{},
		Command: func(context.Context) (supervisor.Command, error) { return supervisor.Command{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type noSpawner struct{}

func (noSpawner) Spawn(context.Context, supervisor.Command, supervisor.Files) (supervisor.Process, error) {
	return nil, errors.New("this pool spawns nothing")
}

type answer struct {
	result string
	err    *rpc.Error
}

// asked makes a call whose answer comes by the channel.
func asked(function string) (*rpc.Call, <-chan answer) {
	answers := make(chan answer, 1)
	return rpc.NewCall(function, nil, rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
		answers <- answer{string(result), err}
	})), answers
}

func enter(t *testing.T, p *Pool, slot int) func(*supervisor.Exit) {
	t.Helper()
	done, err := p.Enter(t.Context(), slot)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestSiblingsPassTheGateWhenTheCanaryIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := idlePool(t, Config{Workers: 3})
		canary := enter(t, p, 0)
		passed := make(chan func(*supervisor.Exit), 2)
		for slot := 1; slot < 3; slot++ {
			go func() { passed <- enter(t, p, slot) }()
		}
		synctest.Wait()
		if len(passed) != 0 {
			t.Fatal("a sibling passed before the canary was ready")
		}
		canary(nil)
		synctest.Wait()
		if len(passed) != 2 {
			t.Fatalf("%d siblings passed, want both", len(passed))
		}
	})
}

func TestTheGateWaitsOutTheBackoffAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := idlePool(t, Config{Workers: 1})
		var waits []time.Duration
		for range 4 {
			start := time.Now()
			done := enter(t, p, 0)
			waits = append(waits, time.Since(start))
			done(importFailure())
		}
		for i, wait := range waits[1:] {
			want := DefaultBackoffMin << i
			if wait < want*8/10 || wait > want*12/10 {
				t.Errorf("start %d came after %v, want about %v", i+2, wait, want)
			}
		}
	})
}

func TestAWaitingSlotLeavesTheGateWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := idlePool(t, Config{Workers: 1})
		enter(t, p, 0)(importFailure())
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := p.Enter(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Enter gave %v, want the context's error", err)
		}
	})
}

func TestWhoWaitsForAFailedStartLearnsWhyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := idlePool(t, Config{Workers: 2})
		done := enter(t, p, 0)
		c, waiting := asked("f")
		p.Submit(c)
		waited := make(chan error, 1)
		go func() {
			_, err := p.Wait(t.Context())
			waited <- err
		}()
		synctest.Wait()
		done(importFailure())
		synctest.Wait()
		if a := <-waiting; a.err.Kind() != rpc.KindImportFailed {
			t.Errorf("the waiting call was answered %v, want import_failed", a.err)
		}
		if err := <-waited; rpc.AsError(err).Kind() != rpc.KindImportFailed {
			t.Errorf("Wait gave %v, want import_failed", err)
		}
		c, late := asked("f")
		p.Submit(c)
		if a := <-late; a.err.Kind() != rpc.KindImportFailed {
			t.Errorf("a call during the backoff was answered %v, want import_failed at once", a.err)
		}
		enter(t, p, 1) // the probe is under way
		c, hopeful := asked("f")
		p.Submit(c)
		synctest.Wait()
		if len(hopeful) != 0 {
			t.Error("a call during the probe must wait for its outcome")
		}
	})
}

func TestAFullQueueRefusesAtOnceAndSaysWhenToComeBack(t *testing.T) {
	p := idlePool(t, Config{Workers: 1, MaxQueue: 4})
	for range 4 {
		c, _ := asked("f")
		p.Submit(c)
	}
	c, refused := asked("f")
	p.Submit(c)
	a := <-refused
	if a.err.Kind() != rpc.KindOverloaded {
		t.Fatalf("answered %v, want overloaded", a.err)
	}
	if p.Stat().Queue != 4 {
		t.Errorf("%d calls wait, want 4", p.Stat().Queue)
	}
}

func TestACancelledCallLeavesTheQueueAndIsAnsweredOnce(t *testing.T) {
	p := idlePool(t, Config{Workers: 1})
	c, answers := asked("f")
	p.Submit(c)
	c.Cancel(rpc.NewError(rpc.KindRequestCancelled, "cancelled", nil))
	c.Cancel(rpc.NewError(rpc.KindRequestCancelled, "cancelled twice", nil))
	wantUnstarted(t, <-answers)
	if p.Stat().Queue != 0 {
		t.Error("the cancelled call still waits")
	}
	late, lateAnswers := asked("f")
	late.Cancel(rpc.NewError(rpc.KindRequestCancelled, "before anyone held it", nil))
	p.Submit(late)
	wantUnstarted(t, <-lateAnswers)

	// A cancel, and a deadline, between the placing and a worker that refuses.
	for _, cause := range []*rpc.Error{
		rpc.NewError(rpc.KindRequestCancelled, "on its way", nil),
		deadlineExceeded(late, "test", true),
	} {
		between, answers := asked("f")
		between.Cancel(cause)
		p.mu.Lock()
		refused := p.requeue(between)
		p.mu.Unlock()
		between.Fail(refused)
		wantUnstarted(t, <-answers)
	}
}

// wantUnstarted: whoever is refused before its turn is told that nothing ran.
func wantUnstarted(t *testing.T, a answer) {
	t.Helper()
	kind := a.err.Kind()
	if started, said := field[bool](a.err, "started"); kind != rpc.KindRequestCancelled && kind != rpc.KindDeadlineExceeded || !said || started {
		t.Errorf("answered %v %s, want an end before it started", a.err, a.err.Data)
	}
}
