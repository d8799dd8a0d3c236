package pool_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// pids are the ready workers, those that serve and the spares.
func (s *serving) pids() (serving, spare []int) {
	for _, slot := range s.Stat().Slots {
		switch {
		case slot.Worker == nil || slot.Worker.State != supervisor.Ready:
		case slot.Spare:
			spare = append(spare, slot.Worker.PID)
		default:
			serving = append(serving, slot.Worker.PID)
		}
	}
	return serving, spare
}

// full waits until everyone is there.
func (s *serving) full(workers, spares int) {
	s.t.Helper()
	s.eventually("all workers and spares are ready", func() bool {
		st := s.Stat()
		serving, spare := s.pids()
		return st.Ready == workers && st.Spares == spares && len(serving) == workers && len(spare) == spares
	})
}

func (s *serving) kill(pid int) {
	s.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
}

func TestASpareTakesTheDeadWorkersPlaceBeforeItsSuccessorHasStarted(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, Spare: 1})
	for range 5 {
		s.full(1, 1)
		serving, spare := s.pids()
		s.want(s.call("pid"), strconv.Itoa(serving[0]))
		s.kill(serving[0])
		s.eventually("the death is known", func() bool { now, _ := s.pids(); return len(now) == 0 || now[0] != serving[0] })
		s.want(s.call("pid"), strconv.Itoa(spare[0]))
	}
	s.full(1, 1)
	if st := s.Stat(); st.Desired != 1 || st.Status != pool.Open || len(st.Slots) != 2 {
		t.Errorf("in the end: %+v", st)
	}
}

func TestASpareIsNoCapacity(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, Spare: 2})
	s.full(1, 2)
	serving, _ := s.pids()
	var calls []<-chan reply
	for range 8 {
		calls = append(calls, s.start("pid"))
	}
	long := s.start("sleep", 0.2)
	calls = append(calls, s.start("pid"))
	for _, c := range calls {
		s.want(s.get(c), strconv.Itoa(serving[0]))
	}
	s.want(s.get(long), "0.2")
}

func TestTheDeathsOfSparesCountForNothingAndArePaced(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, Spare: 1, RestartLimit: 2, BackoffMin: 50 * time.Millisecond})
	s.full(1, 1)
	serving, _ := s.pids()
	for range 4 { // more than restart-limit
		s.full(1, 1)
		_, spare := s.pids()
		s.kill(spare[0])
		s.eventually("it is gone", func() bool { _, now := s.pids(); return len(now) == 0 })
	}
	s.full(1, 1)
	if now, _ := s.pids(); now[0] != serving[0] {
		t.Error("another worker serves")
	}
	for _, status := range s.statuses() {
		if status == pool.Broken || status == pool.Degraded {
			t.Errorf("the pool was %s", status)
		}
	}
	if paced := of[supervisor.BackedOff](s.events); len(paced) == 0 {
		t.Error("the fourth spare in a row was started without a wait")
	}
	s.want(s.call("pid"), strconv.Itoa(serving[0]))
}

func (s *serving) statuses() []pool.Status {
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	return append([]pool.Status(nil), s.events.statuses...)
}

func TestAReloadGivesTheSparesTheNewCodeToo(t *testing.T) {
	s := serve(t, pool.Config{Workers: 2, Spare: 1})
	s.full(2, 1)
	serving, spare := s.pids()
	old := map[int]bool{serving[0]: true, serving[1]: true, spare[0]: true}
	if _, err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.full(2, 1)
	serving, spare = s.pids()
	for _, pid := range append(serving, spare...) {
		if old[pid] {
			t.Errorf("worker %d is of the old code", pid)
		}
	}
}

func TestASpareIsRecycledByAge(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, Spare: 1, MaxAge: 300 * time.Millisecond})
	s.eventually("the spare has been recycled by age", func() bool {
		for _, slot := range s.Stat().Slots {
			if slot.Spare && slot.Gen > 2 && slot.LastExit != nil && slot.LastExit.Reason == supervisor.ReasonRecycleAge {
				return true
			}
		}
		return false
	})
}

func TestAnElasticPoolGrowsIntoItsSpareAtOnce(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, MaxWorkers: 2, Spare: 1, IdleTimeout: 200 * time.Millisecond})
	s.full(1, 1)
	_, spare := s.pids()
	long := s.start("sleep", 1)
	s.want(s.call("pid"), strconv.Itoa(spare[0]))
	s.want(s.get(long), "1")
	s.full(1, 1) // and shrinks again, with a spare beside it
	if n := len(s.Stat().Slots); n != 2 {
		t.Errorf("%d slots are left", n)
	}
}

func TestAHardRestartIsBridgedByTheSpare(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, Spare: 1})
	s.full(1, 1)
	serving, spare := s.pids()
	for _, slot := range s.Stat().Slots {
		if slot.Spare {
			continue
		}
		if err := s.Restart(t.Context(), slot.Slot, true); err != nil {
			t.Fatal(err)
		}
	}
	s.full(1, 1)
	if now, held := s.pids(); now[0] != spare[0] || held[0] == serving[0] {
		t.Errorf("serving %v with spare %v, after %v with %v", now, held, serving, spare)
	}
}

func TestNoCallIsLostOrRunTwiceWhereSparesTakeOver(t *testing.T) {
	s := serve(t, pool.Config{Workers: 2, Spare: 1, MaxQueue: 4096, BackoffMin: time.Millisecond, BackoffMax: 5 * time.Millisecond})
	s.full(2, 1)
	calls := make([]<-chan reply, 2000)
	for i := range calls {
		calls[i] = s.start("add", i, 0)
		if i%200 == 199 {
			if serving, _ := s.pids(); len(serving) > 0 {
				_ = syscall.Kill(serving[0], syscall.SIGKILL) // it may be gone by now
			}
		}
	}
	lost := 0
	for i, c := range calls {
		if r := s.get(c); r.err == nil {
			s.want(r, strconv.Itoa(i))
		} else {
			lost++
		}
		select {
		case <-c:
			t.Errorf("call %d was answered twice", i)
		default:
		}
	}
	if lost > 10 { // one call runs on a worker at a time
		t.Errorf("%d calls were lost with 10 workers", lost)
	}
	s.full(2, 1)
}

func TestAStartOfASpareThatFailedOnceKeepsNoPoolFromGrowing(t *testing.T) {
	dir := t.TempDir()
	flag := filepath.Join(dir, "broken")
	module(t, dir, "import os, time\nassert not os.path.exists("+strconv.Quote(flag)+")\ndef pid(): return os.getpid()\ndef who(): return os.getpid()\ndef nap(): time.sleep(1)\n")
	s := serveWith(t, pool.Config{Name: "own", Workers: 1, MaxWorkers: 2, Spare: 1, BackoffMin: time.Millisecond}, func(*pool.Options) {}, dir)
	s.full(1, 1)
	serving, spare := s.pids()
	// Not pid: what is known to be quick may be put behind a call that has just begun.
	s.want(s.call("who"), strconv.Itoa(serving[0]))
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.kill(spare[0])
	s.eventually("a start fails", func() bool {
		for _, e := range of[supervisor.Exited](s.events) {
			if e.Reason == supervisor.ReasonStartImport {
				return true
			}
		}
		return false
	})
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	s.full(1, 1)
	_, spare = s.pids()
	nap := s.start("nap")
	s.want(s.call("pid"), strconv.Itoa(spare[0]))
	s.want(s.get(nap), "null")
}
