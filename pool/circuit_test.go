package pool

import (
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

func newCircuit(limit int) *circuit {
	return &circuit{
		backoff: backoff{min: DefaultBackoffMin, max: DefaultBackoffMax},
		budget:  budget{limit: limit, window: DefaultRestartWindow},
	}
}

func importFailure() *supervisor.Exit {
	return &supervisor.Exit{
		Reason:  supervisor.ReasonStartImport,
		Failure: rpc.NewError(rpc.KindImportFailed, "no module named nosuch", nil),
	}
}

func segfault(answered uint64) *supervisor.Exit {
	return &supervisor.Exit{
		Reason: supervisor.ReasonSignal, WasReady: true, Answered: answered,
		Status: supervisor.WaitStatus{ExitCode: -1, Signal: syscall.SIGSEGV},
	}
}

func TestACanaryGoesBeforeItsSiblings(t *testing.T) {
	c, now := newCircuit(5), time.Unix(0, 0)
	if ok, _ := c.mayStart(now); !ok {
		t.Fatal("the first start must be let through")
	}
	c.started()
	if ok, wait := c.mayStart(now); ok || wait != 0 {
		t.Fatal("a sibling must wait for the canary's outcome")
	}
	c.ready()
	for range 63 {
		if ok, _ := c.mayStart(now); !ok {
			t.Fatal("the canary is ready: every sibling may start")
		}
		c.started()
	}
}

func TestAModuleThatNeverImportsSpawnsAtMostTwelveTimesAMinuteWhateverTheSlots(t *testing.T) {
	for range 200 { // the backoff has jitter
		c, start := newCircuit(5), time.Unix(0, 0)
		spawns := 0
		for now := start; now.Sub(start) < time.Minute; {
			ok, wait := c.mayStart(now)
			if !ok {
				now = now.Add(wait)
				continue
			}
			spawns++
			c.started()
			if ok, _ := c.mayStart(now); ok {
				t.Fatal("two starts at once while none has worked")
			}
			c.failed(importFailure(), now)
		}
		if spawns > 12 || spawns < 6 {
			t.Fatalf("%d spawns in a minute, want at most 12 and still some", spawns)
		}
	}
}

func TestAWorkerThatHadAnsweredIsReplacedAtOnceHoweverOftenItDies(t *testing.T) {
	c, now := newCircuit(5), time.Unix(0, 0)
	c.started()
	c.ready()
	for range 1000 {
		c.died(segfault(1), now)
		if ok, _ := c.mayStart(now); !ok || c.broken {
			t.Fatal("its death must not count")
		}
		c.started()
		c.ready()
	}
}

func TestEarlyDeathsBackOffAfterTheFirstAndBreakThePoolOverTheBudget(t *testing.T) {
	c, now := newCircuit(5), time.Unix(0, 0)
	die := func() {
		c.started()
		c.ready()
		c.died(segfault(0), now)
	}
	die()
	if ok, _ := c.mayStart(now); !ok {
		t.Fatal("the first early death is replaced at once")
	}
	die()
	if ok, wait := c.mayStart(now); ok || wait <= 0 {
		t.Fatal("the second early death must back off")
	}
	for !c.broken {
		_, wait := c.mayStart(now)
		now = now.Add(wait)
		die()
	}
	refusal := c.refusal("img", 0, now)
	if refusal.Kind() != rpc.KindPoolUnavailable {
		t.Fatalf("a broken pool answers %v, want pool_unavailable", refusal)
	}
	_, wait := c.mayStart(now)
	now = now.Add(wait)
	c.started()
	c.ready()
	c.answered(c.troubles)
	if c.broken || c.refusal("img", 0, now) != nil {
		t.Error("a probe that answers heals the pool")
	}
}

func TestAStartKilledFromOutsideRefusesNobodyAndIsPaced(t *testing.T) {
	c, now := newCircuit(1), time.Unix(0, 0)
	killed := &supervisor.Exit{
		Reason: supervisor.ReasonStartImport,
		Status: supervisor.WaitStatus{ExitCode: -1, Signal: syscall.SIGKILL},
	}
	for i := range 20 {
		ok, wait := c.mayStart(now)
		if i < 2 && !ok {
			t.Fatal("the first is replaced at once")
		}
		if i >= 2 && (ok || wait <= 0) {
			t.Fatal("a row of them must back off: what kills them must not decide how often we spawn")
		}
		now = now.Add(max(wait, 0))
		c.started()
		c.failed(killed, now)
		if c.broken || c.refusal("p", 0, now) != nil {
			t.Fatal("a start that somebody killed says nothing of the module")
		}
	}
	timedOut := &supervisor.Exit{Reason: supervisor.ReasonStartImport, Detail: "it was not ready within 1s", Status: killed.Status}
	c.started()
	c.failed(timedOut, now)
	if c.cause == nil {
		t.Error("a start that we killed for being late counts")
	}
}

func TestAnOldWorkersAnswersDoNotHideThatNewOnesFail(t *testing.T) {
	c, now := newCircuit(100), time.Unix(0, 0)
	c.started()
	c.ready()
	old := c.troubles
	spawns := 0
	for start := now; now.Sub(start) < time.Minute; {
		c.answered(old)
		ok, wait := c.mayStart(now)
		if !ok {
			now = now.Add(wait)
			continue
		}
		spawns++
		c.started()
		c.failed(importFailure(), now)
	}
	if spawns > 12 {
		t.Errorf("%d spawns in a minute beside a worker that answers, want at most 12", spawns)
	}
	c.started()
	c.ready()
	c.answered(c.troubles)
	if c.cause != nil || c.streak != 0 {
		t.Error("an answer of a new worker proves the code again")
	}
}

func TestDeathsThatSayNothingOfTheModuleDoNotCount(t *testing.T) {
	outside := segfault(0)
	outside.Status.Signal = syscall.SIGKILL
	for _, e := range []*supervisor.Exit{
		outside,
		{Reason: supervisor.ReasonOperator, WasReady: true},
		{Reason: supervisor.ReasonDeadline, WasReady: true},
		{Reason: supervisor.ReasonRestart, WasReady: true},
	} {
		c, now := newCircuit(1), time.Unix(0, 0)
		c.started()
		c.ready()
		for range 50 {
			c.died(e, now)
		}
		if c.broken || c.cause != nil || c.refusal("p", 0, now) != nil {
			t.Errorf("an exit with reason %s and signal %v counted", e.Reason, e.Status.Signal)
		}
	}
}

func TestCallersLearnTheTracebackWhileTheModuleDoesNotImport(t *testing.T) {
	c, now := newCircuit(5), time.Unix(0, 0)
	c.started()
	if c.refusal("p", 0, now) != nil {
		t.Error("nothing has failed yet: callers wait for the canary")
	}
	c.failed(importFailure(), now)
	refusal := c.refusal("p", 0, now)
	if refusal.Kind() != rpc.KindImportFailed {
		t.Fatalf("callers were told %v, want the import's own error", refusal)
	}
	if c.refusal("p", 1, now) != nil {
		t.Error("a pool with a living worker takes calls")
	}
}
