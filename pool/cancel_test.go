package pool_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// begin makes a call that can be cancelled or given a timeout.
func (s *serving) begin(timeout time.Duration, function, params string) (*rpc.Call, <-chan reply) {
	s.t.Helper()
	replies := make(chan reply, 2)
	start := time.Now()
	c := rpc.NewCall(function, []byte(params), rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
		replies <- reply{string(result), err, time.Since(start)}
	}))
	c.Meta.Timeout = timeout
	s.Submit(c)
	return c, replies
}

func unwanted() *rpc.Error {
	return rpc.NewError(rpc.KindRequestCancelled, "the host does not want it any more", nil)
}

// stackOf is an error's data.stack, which must be a string.
func stackOf(t *testing.T, err *rpc.Error) string {
	t.Helper()
	var data struct{ Stack *string }
	if err == nil || json.Unmarshal(err.Data, &data) != nil || data.Stack == nil {
		t.Errorf("no stack in %v", err)
		return ""
	}
	return *data.Stack
}

// running waits until a call has started and gives the worker's number.
func (s *serving) running(function string) (pid int) {
	s.t.Helper()
	s.eventually(function+" runs", func() bool {
		for _, slot := range s.Stat().Slots {
			if slot.Worker == nil {
				continue
			}
			for _, r := range slot.Worker.Running {
				if r.Function == function {
					pid = slot.Worker.PID
					return true
				}
			}
		}
		return false
	})
	return pid
}

// TestACancelledCallEnds is F10: what is cancelled ends, and costs no more
// than it must.
func TestACancelledCallEnds(t *testing.T) {
	for _, c := range []struct {
		function, params string
		within           time.Duration
		samePID          bool
	}{
		{"sleep", "[30]", time.Second, true},
		{"asleep", "[30]", time.Second, true},
		{"later", "[30]", time.Second, true},
		{"spin", "[]", time.Second, true},
		{"lock_up", "[]", time.Second, true},
		{"hold", "[]", 3 * time.Second, false}, // the grace, the stack dump, the kill
	} {
		t.Run(c.function, func(t *testing.T) {
			s := serve(t, pool.Config{Workers: 1, CancelGrace: 300 * time.Millisecond})
			s.want(s.call("add", 1, 1), "2")
			call, replies := s.begin(0, c.function, c.params)
			pid := s.running(c.function)
			cancelled := time.Now()
			call.Cancel(unwanted())
			r := s.get(replies)
			if r.err.Kind() != rpc.KindRequestCancelled || !strings.Contains(string(r.err.Data), `"started":true`) {
				t.Errorf("answered %s %v %s, want request_cancelled, started", r.result, r.err, r.err.Data)
			}
			if strings.Contains(string(r.err.Data), `"stack"`) {
				t.Errorf("who cancels is shown a stack: %s", r.err.Data)
			}
			if took := time.Since(cancelled); took > c.within {
				t.Errorf("it took %v to end, want under %v", took, c.within)
			}
			s.want(s.call("add", 2, 2), "4")
			if same := s.Stat().Slots[0].Worker.PID == pid; same != c.samePID {
				t.Errorf("the same worker serves: %t, want %t", same, c.samePID)
			}
		})
	}
}

// TestADeadlineEndsTheWorkAndFreesTheSeat is F3.
func TestADeadlineEndsTheWorkAndFreesTheSeat(t *testing.T) {
	for _, c := range []struct {
		function, params string
		stack            string // what the stack names
	}{
		{"spin", "[]", "in spin"},
		{"sleep", "[30]", "in sleep"},
		{"lock_up", "[]", "in lock_up"},
		{"asleep", "[30]", "in asleep"},
		{"later", "[30]", "in asleep"},
		{"hold", "[]", "in hold"}, // its worker is killed
		{"swallow", "[]", "returned by itself"},
		{"fail_instead", "[]", "ValueError: instead"},
	} {
		t.Run(c.function, func(t *testing.T) {
			s := serve(t, pool.Config{Workers: 1, CancelGrace: 300 * time.Millisecond})
			s.want(s.call("add", 1, 1), "2")
			_, replies := s.begin(500*time.Millisecond, c.function, c.params)
			r := s.get(replies)
			if r.err.Kind() != rpc.KindDeadlineExceeded || !strings.Contains(string(r.err.Data), `"started":true`) {
				t.Errorf("answered %s %v %s, want deadline_exceeded, started", r.result, r.err, r.err.Data)
			}
			if r.took < 500*time.Millisecond {
				t.Errorf("answered after %v, before the deadline", r.took)
			}
			if stack := stackOf(t, r.err); !strings.Contains(stack, c.stack) {
				t.Errorf("no %q in %s", c.stack, stack)
			}
			s.want(s.call("add", 2, 2), "4")
			t.Logf("answered %v after its deadline", r.took-500*time.Millisecond)
		})
	}
}

func TestAStoppedWorkerIsReplacedAtTheDeadline(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, CancelGrace: 300 * time.Millisecond})
	s.want(s.call("add", 1, 1), "2")
	pid := s.Stat().Slots[0].Worker.PID
	_, replies := s.begin(500*time.Millisecond, "sleep", "[30]")
	s.running("sleep")
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if r := s.get(replies); r.err.Kind() != rpc.KindDeadlineExceeded || !strings.Contains(stackOf(t, r.err), "stopped") {
		t.Errorf("answered %v %s, want deadline_exceeded, and why there is no stack", r.err, r.err.Data)
	}
	s.want(s.call("add", 2, 2), "4")
	exits := of[supervisor.Exited](s.events)
	if len(exits) != 1 || exits[0].Reason != supervisor.ReasonDeadline {
		t.Errorf("exits %+v, want one by deadline", exits)
	}
}

func TestACancelledCoroutineTidiesUpAndItsNeighboursGoOn(t *testing.T) {
	marks := t.TempDir() + "/marks"
	s := serve(t, pool.Config{Workers: 1})
	s.want(s.call("asleep", 0), "0")
	neighbour := s.start("asleep", 0.5)
	call, replies := s.begin(0, "tidy_sleep", fmt.Sprintf("[%q,30]", marks))
	s.running("tidy_sleep")
	call.Cancel(unwanted())
	if r := s.get(replies); r.err.Kind() != rpc.KindRequestCancelled {
		t.Errorf("answered %v, want request_cancelled", r.err)
	}
	if ran, err := os.ReadFile(marks); err != nil || string(ran) != "tidied\n" {
		t.Errorf("its finally: left %q (%v)", ran, err)
	}
	s.want(s.get(neighbour), "0.5")
}

func TestWhatMustBeKilledCostsItsNeighboursAndNothingElse(t *testing.T) {
	// The blast radius of concurrency: a call that is stuck in C takes the
	// coroutines beside it along, each with its own worker_lost.
	s := serve(t, pool.Config{Workers: 1, CancelGrace: 200 * time.Millisecond})
	s.want(s.call("asleep", 0), "0")
	var beside []<-chan reply
	for range 8 {
		beside = append(beside, s.start("asleep", 30))
	}
	s.eventually("all of them run", func() bool { // one that had not begun would run elsewhere
		slot := s.Stat().Slots[0]
		return slot.Worker != nil && len(slot.Worker.Running) == len(beside)
	})
	_, stuck := s.begin(300*time.Millisecond, "hold", "[]")
	if r := s.get(stuck); r.err.Kind() != rpc.KindDeadlineExceeded {
		t.Errorf("the stuck call was answered %v", r.err)
	}
	for _, c := range beside {
		if r := s.get(c); r.err.Kind() != rpc.KindWorkerLost {
			t.Errorf("a coroutine beside it was answered %v, want worker_lost", r.err)
		}
	}
	s.want(s.call("add", 1, 1), "2")
}

func TestCancelsAtRandomMomentsHitTheirOwnCallAndNoOther(t *testing.T) {
	s := serve(t, pool.Config{Workers: 2})
	s.ready(2)
	const calls, atOnce = 20_000, 32
	var cancelled, answered int
	var mu sync.Mutex
	free := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range calls {
		free <- struct{}{}
		function := [...]string{"add", "asleep"}[i%2]
		params := fmt.Sprintf("[%d,0]", i)
		if function == "asleep" {
			params = "[0]"
		}
		all.Add(1)
		answers := 0
		c := rpc.NewCall(function, []byte(params), rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
			mu.Lock()
			defer mu.Unlock()
			if answers++; answers > 1 {
				t.Errorf("call %d was answered twice", i)
				return
			}
			switch {
			case err == nil && (function == "asleep" || string(result) == fmt.Sprint(i)):
				answered++
			case err.Kind() == rpc.KindRequestCancelled:
				cancelled++
			default:
				t.Errorf("call %d was answered %s %v", i, result, err)
			}
			<-free
			all.Done()
		}))
		s.Submit(c)
		if i%2 == 0 || rand.IntN(2) == 0 {
			go func() {
				for range rand.IntN(3000) { // a random moment, far shorter than a timer's
					_ = c.Answered()
				}
				c.Cancel(unwanted())
			}()
		}
	}
	all.Wait()
	t.Logf("%d calls: %d answered, %d cancelled", calls, answered, cancelled)
	if n := len(of[supervisor.Exited](s.events)); n != 0 {
		t.Errorf("%d workers ended of it", n)
	}
}
