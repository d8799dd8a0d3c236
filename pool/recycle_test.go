package pool_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

func TestRecyclingByRequestsLosesNoCall(t *testing.T) {
	s := serve(t, pool.Config{Workers: 2, MaxRequests: 7, MaxRequestsJitter: 3})
	s.ready(2)
	const calls, atOnce, enough = 10_000, 16, 10
	recycled := func() (n int) {
		for _, e := range of[supervisor.Exited](s.events) {
			if e.Reason != supervisor.ReasonRecycleRequests {
				t.Fatalf("a worker ended with reason %s", e.Reason)
			}
			n++
		}
		return n
	}
	var window []<-chan reply
	made, settled := 0, 0
	settle := func() {
		s.want(s.get(window[0]), fmt.Sprint(settled))
		window = window[1:]
		settled++
	}
	begin := time.Now()
	for made < calls || recycled() < enough {
		window = append(window, s.start("add", made, 0))
		if made++; len(window) == atOnce {
			settle()
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("%d calls and only %d workers recycled", made, recycled())
		}
	}
	for len(window) > 0 {
		settle()
	}
	t.Logf("%d calls, %d workers recycled", made, recycled())
}

func TestAWorkerIsRecycledAtItsAgeWithoutACall(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, MaxAge: 100 * time.Millisecond})
	s.ready(1)
	s.eventually("three generations have passed", func() bool { return s.Stat().Slots[0].Gen > 3 })
	for _, e := range of[supervisor.Exited](s.events) {
		if e.Reason != supervisor.ReasonRecycleAge {
			t.Errorf("a worker ended with reason %s, want recycle.age", e.Reason)
		}
	}
}

func TestAnIdempotentCallRunsAgainWhenItsWorkerIsLost(t *testing.T) {
	marks := t.TempDir() + "/marks"
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	run := func(idempotent bool) reply {
		replies := make(chan reply, 2)
		c := rpc.NewCall("note_and_die_once", fmt.Appendf(nil, "[%q]", marks), rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
			replies <- reply{result: string(result), err: err}
		}))
		c.Meta.Idempotent = idempotent
		s.Submit(c)
		return s.get(replies)
	}
	s.want(run(true), `"survived"`)
	ran, err := os.ReadFile(marks)
	if err != nil || strings.Count(string(ran), "\n") != 2 {
		t.Errorf("it ran %q (%v), want twice", ran, err)
	}
	if err := os.Remove(marks); err != nil {
		t.Fatal(err)
	}
	if r := run(false); r.err.Kind() != rpc.KindWorkerLost {
		t.Errorf("a call that is not idempotent was answered %v, want worker_lost", r.err)
	}
}

func TestCallsOfOneAffinityGoToOneWorkerWhileItLives(t *testing.T) {
	s := serve(t, pool.Config{Workers: 3})
	s.ready(3)
	ask := func(key string) <-chan reply {
		replies := make(chan reply, 2)
		c := rpc.NewCall("pid_after", []byte("[0.005]"), rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
			replies <- reply{result: string(result), err: err}
		}))
		c.Meta.Affinity = key
		s.Submit(c)
		return replies
	}
	var all []<-chan reply
	for i := range 60 {
		all = append(all, ask(fmt.Sprint("session-", i%2)))
	}
	homes := map[int]string{}
	for i, c := range all {
		r := s.get(c)
		if r.err != nil {
			t.Fatal(r.err)
		}
		if home := homes[i%2]; home != "" && home != r.result {
			t.Errorf("session %d went to worker %s and to %s", i%2, home, r.result)
		}
		homes[i%2] = r.result
	}
	if err := s.Restart(t.Context(), -1, false); err != nil {
		t.Fatal(err)
	}
	if r := s.get(ask("session-0")); r.err != nil || r.result == homes[0] {
		t.Errorf("after the restart: %s (%v), want another worker", r.result, r.err)
	}
}

func TestAnElasticPoolGrowsForTheCallThatWaitsAndShrinksWhenIdle(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, MaxWorkers: 3, IdleTimeout: 200 * time.Millisecond})
	s.ready(1)
	// One worker would take 4.5 s.
	inTime(t, 3500*time.Millisecond, "three calls of 1.5 s on a pool that grows", func() time.Duration {
		begin := time.Now()
		var calls []<-chan reply
		for range 3 {
			calls = append(calls, s.start("sleep", 1.5))
		}
		for _, c := range calls {
			s.want(s.get(c), "1.5")
		}
		return time.Since(begin)
	})
	s.eventually("the pool is back to its minimum", func() bool {
		stat := s.Stat()
		return stat.Desired == 1 && len(stat.Slots) == 1
	})
	for _, e := range of[supervisor.Exited](s.events) {
		if e.Reason != supervisor.ReasonRecycleIdle {
			t.Errorf("a worker ended with reason %s, want recycle.idle", e.Reason)
		}
	}
	s.want(s.call("add", 1, 1), "2")
}
