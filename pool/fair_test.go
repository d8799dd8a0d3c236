package pool_test

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
)

// crowd keeps so many calls of one kind in the pool until the test ends.
func (s *serving) crowd(n int, function, params, affinity string) {
	var over atomic.Bool
	left := make(chan struct{}, n)
	var again func()
	again = func() {
		c := rpc.NewCall(function, []byte(params), rpc.AnswerFunc(func(*rpc.Call, []byte, *rpc.Error) {
			if over.Load() {
				left <- struct{}{}
				return
			}
			go again() // an answer must not block, and Submit may take the pool's lock
		}))
		c.Meta.Affinity = affinity
		s.Submit(c)
	}
	for range n {
		again()
	}
	s.t.Cleanup(func() {
		over.Store(true)
		for range n {
			<-left
		}
	})
}

// TestNoKindOfCallStarvesAnother: whatever waits for a seat that others want
// too has its turn.
func TestNoKindOfCallStarvesAnother(t *testing.T) {
	for _, c := range []struct{ name, crowd, affinity, function string }{
		{"an awaitable beside synchronous calls", "sleep", "", "later"},
		{"a synchronous call beside awaitables", "later", "", "sleep"},
		{"a coroutine beside those bound to its worker", "asleep", "theirs", "asleep"},
		{"a coroutine bound to its worker beside the others", "asleep", "", "asleep"},
		{"a synchronous call beside those bound to its worker", "sleep", "theirs", "sleep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, pool.Config{Workers: 1, Concurrency: 4})
			for range 2 { // the pool learns that it awaits; and an even number of main seats has been given
				s.want(s.call("later", 0), "0")
			}
			s.crowd(50, c.crowd, "[0.005]", c.affinity)
			inTime(t, 2*time.Second, "one call beside fifty", func() time.Duration {
				replies := make(chan reply, 2)
				begin := time.Now()
				one := rpc.NewCall(c.function, []byte("[0]"), rpc.AnswerFunc(func(_ *rpc.Call, result []byte, err *rpc.Error) {
					replies <- reply{string(result), err, time.Since(begin)}
				}))
				one.Meta.Timeout = 4 * time.Second
				if c.affinity == "" {
					one.Meta.Affinity = "its own"
				}
				s.Submit(one)
				return s.get(replies).took
			})
		})
	}
}

// TestAQuestionOutlivesTheWorkerItWasPutTo: a worker that dies before it
// describes its module is no news for who asks.
func TestAQuestionOutlivesTheWorkerItWasPutTo(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	for range 20 {
		s.want(s.call("add", 1, 1), "2") // or its death would be an early one
		pid := s.Stat().Slots[0].Worker.PID
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}()
		for dead := false; !dead; {
			if _, err := s.Ask(ctx, "mochi.ping", nil); err != nil {
				t.Error(err)
				break
			}
			w := s.Stat().Slots[0].Worker
			dead = w != nil && w.PID != 0 && w.PID != pid
		}
		<-killed
		stop()
	}
}
