package pool

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// clocked is an idle pool whose expiry goroutine runs.
func clocked(t *testing.T, config Config) *Pool {
	t.Helper()
	p := idlePool(t, config)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.expire(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return p
}

func TestAWaitingCallIsAnsweredAtItsDeadlineAndNeverStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := clocked(t, Config{Workers: 1, CallTimeout: 3 * time.Second})
		begin := time.Now()
		patient, patientAnswers := asked("f")
		hasty, hastyAnswers := asked("f")
		hasty.Meta.Timeout = time.Second
		p.Submit(patient)
		p.Submit(hasty)
		if a := <-hastyAnswers; a.err.Kind() != rpc.KindDeadlineExceeded || time.Since(begin) != time.Second {
			t.Errorf("answered %v after %v, want deadline_exceeded after 1s", a.err, time.Since(begin))
		}
		if a := <-patientAnswers; a.err.Kind() != rpc.KindDeadlineExceeded || time.Since(begin) != 3*time.Second {
			t.Errorf("answered %v after %v, want deadline_exceeded after 3s", a.err, time.Since(begin))
		}
		if started, ok := field[bool](deadlineExceeded(hasty, "test", false), "started"); !ok || started {
			t.Error("the error must say that the call had not started")
		}
		if n := p.Stat().Queue; n != 0 {
			t.Errorf("%d calls still wait", n)
		}
	})
}

func TestTheSmallerOfTheHostsAndThePoolsTimeoutCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := clocked(t, Config{Workers: 1, CallTimeout: time.Second})
		begin := time.Now()
		c, answers := asked("f")
		c.Meta.Timeout = time.Hour
		p.Submit(c)
		<-answers
		if took := time.Since(begin); took != time.Second {
			t.Errorf("answered after %v, want the pool's second", took)
		}
	})
}

func TestAQueueWaitHasItsOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := clocked(t, Config{Workers: 1, QueueTimeout: time.Second})
		begin := time.Now()
		c, answers := asked("f")
		p.Submit(c)
		if a := <-answers; a.err.Kind() != rpc.KindOverloaded || time.Since(begin) != time.Second {
			t.Errorf("answered %v after %v, want overloaded after 1s", a.err, time.Since(begin))
		}
	})
}

func TestAnEarlierDeadlineWakesTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := clocked(t, Config{Workers: 1, CallTimeout: time.Hour, QueueTimeout: time.Hour})
		late, _ := asked("f")
		p.Submit(late)
		synctest.Wait() // the clock sleeps an hour
		soon, answers := asked("f")
		soon.Meta.Timeout = time.Millisecond
		begin := time.Now()
		p.Submit(soon)
		<-answers
		if took := time.Since(begin); took != time.Millisecond {
			t.Errorf("answered after %v, want 1ms", took)
		}
	})
}

// TestADeadlineIsNotForgottenWhileItsCallIsOnItsWay: between its queue and its
// seat a call is nowhere to be seen.
func TestADeadlineIsNotForgottenWhileItsCallIsOnItsWay(t *testing.T) {
	p := idlePool(t, Config{Workers: 1})
	w := supervisor.StartWorker(t.Context(), supervisor.WorkerConfig{Spawner: noSpawner{}})
	<-w.Done()
	p.members = []*member{{worker: w, pinned: newQueue(), onMain: 1}} // a call was placed, and not sent yet
	now := time.Now()
	p.lookAround(now)
	if at := p.lookAt; at.IsZero() || at.Sub(now) > time.Second {
		t.Errorf("the clock looks again at %v, with a call on its way at %v", at, now)
	}

	c, _ := asked("f")
	c.Deadline = now.Add(time.Second)
	p.lookAt = time.Time{}
	p.mu.Lock()
	p.requeue(c)
	p.mu.Unlock()
	if at := p.lookAt; !at.Equal(c.Deadline) {
		t.Errorf("the clock looks again at %v, and the deadline of what was given back is %v", at, c.Deadline)
	}
}
