package pool_test

import (
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// resize wants it done.
func (s *serving) resize(workers int) {
	s.t.Helper()
	if _, err := s.Resize(workers); err != nil {
		s.t.Fatalf("to %d workers: %v", workers, err)
	}
}

// settled waits until there are so many slots, each with a ready worker.
func (s *serving) settled(workers int) {
	s.t.Helper()
	s.eventually("the pool has its workers, and no other", func() bool {
		st := s.Stat()
		return st.Ready == workers && st.Desired == workers && len(st.Slots) == workers && st.Status == pool.Open
	})
}

func TestAPoolThatGrowsServesWithAllItsWorkers(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	s.resize(4)
	s.settled(4)
	var long []<-chan reply
	for range 4 {
		long = append(long, s.start("sleep", 0.3))
	}
	s.eventually("four run at once", func() bool { return s.Stat().Busy == 4 })
	for _, c := range long {
		s.want(s.get(c), "0.3")
	}
}

func TestAPoolThatShrinksFinishesWhatRuns(t *testing.T) {
	s := serve(t, pool.Config{Workers: 3})
	s.ready(3)
	running := []<-chan reply{s.start("sleep", 0.5), s.start("sleep", 0.5), s.start("sleep", 0.5)}
	s.eventually("all run", func() bool { return s.Stat().Busy == 3 })
	s.resize(1)
	queued := s.start("add", 1, 2)
	for _, c := range running {
		s.want(s.get(c), "0.5")
	}
	s.want(s.get(queued), "3")
	s.settled(1)
	for _, e := range of[supervisor.Exited](s.events) {
		if e.Reason != supervisor.ReasonScale || e.Lost > 0 {
			t.Errorf("%s ended with %s and lost %d calls", e.Identity, e.Reason, e.Lost)
		}
	}
	if slot := s.Stat().Slots[0].Slot; slot != 0 {
		t.Errorf("slot %d stayed, want 0", slot)
	}
}

// TestACrowdOfResizesEndsAtTheLastOne: numbers of slots that are ending are not
// given twice, and none is forgotten.
func TestACrowdOfResizesEndsAtTheLastOne(t *testing.T) {
	s := serve(t, pool.Config{Workers: 2})
	s.ready(1)
	var all sync.WaitGroup
	for _, n := range []int{4, 1, 3, 5, 2, 1, 4} {
		s.resize(n)
		all.Go(func() { s.call("add", n, 0) })
	}
	all.Wait()
	s.resize(3)
	s.settled(3)
	s.want(s.call("add", 1, 1), "2")
}

func TestAPoolCannotHaveNoWorkersNorAnyNumber(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	for _, n := range []int{0, -1, pool.MaxScale + 1} {
		if _, err := s.Resize(n); rpc.AsError(err).Kind() != rpc.KindInvalidParams {
			t.Errorf("%d workers: %v", n, err)
		}
	}
}

func TestAPausedPoolRefusesWhatComesAndFinishesWhatRuns(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	running := s.start("sleep", 0.5)
	s.eventually("it runs", func() bool { return s.Stat().Busy == 1 })
	waiting := s.start("sleep", 0)
	s.eventually("one waits", func() bool { return s.Stat().Queue == 1 })
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	for _, r := range []reply{s.get(waiting), s.call("add", 1, 2)} {
		if r.err.Kind() != rpc.KindPoolUnavailable || !strings.Contains(string(r.err.Data), `"stage":"paused"`) {
			t.Errorf("answered %s %v", r.result, r.err)
		}
	}
	if st := s.Stat(); st.Status != pool.Paused || st.Ready != 1 {
		t.Errorf("it is %s with %d ready workers", st.Status, st.Ready)
	}
	s.want(s.get(running), "0.5")
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	s.want(s.call("add", 1, 2), "3")
	if exits := of[supervisor.Exited](s.events); len(exits) > 0 {
		t.Errorf("it cost a worker: %v", exits)
	}
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	if !slices.Contains(s.events.statuses, pool.Paused) {
		t.Error("nobody was told")
	}
}

// TestAnOperatorsSignalCountsAgainstNobody: whatever ends of it, and however
// often, is no crash.
func TestAnOperatorsSignalCountsAgainstNobody(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, RestartLimit: 1, BackoffMin: time.Hour, BackoffMax: time.Hour})
	for i, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGUSR2, syscall.SIGHUP} {
		s.ready(1)
		if err := s.Signal(0, sig); err != nil {
			t.Fatal(err)
		}
		s.eventually("it has ended, and the next one is ready", func() bool {
			return len(of[supervisor.Exited](s.events)) > i && s.Stat().Ready == 1
		})
	}
	for _, e := range of[supervisor.Exited](s.events) {
		if e.Reason != supervisor.ReasonOperator {
			t.Errorf("%v ended by %s", e.Status, e.Reason)
		}
	}
	if err := s.Signal(7, syscall.SIGTERM); rpc.AsError(err).Kind() != rpc.KindInvalidParams {
		t.Errorf("slot 7: %v", err)
	}
}
