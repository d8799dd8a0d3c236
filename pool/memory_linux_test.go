package pool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

const mebibyte = 1 << 20

// onlyEnds fails unless workers ended for this reason alone, and counts them.
func (s *serving) onlyEnds(reason supervisor.Reason) (n int) {
	s.t.Helper()
	for _, e := range of[supervisor.Exited](s.events) {
		if e.Reason != reason {
			s.t.Fatalf("a worker ended with reason %s (%s), want %s", e.Reason, e.Detail, reason)
		}
		n++
	}
	return n
}

func TestRecyclingByMemoryLosesNoCall(t *testing.T) {
	t.Parallel()
	s := serve(t, pool.Config{Workers: 2, MaxMemory: 64 * mebibyte})
	s.ready(2)
	const atOnce, enough = 4, 4
	begin, made := time.Now(), 0
	for s.onlyEnds(supervisor.ReasonRecycleMemory) < enough {
		var window []<-chan reply
		for range atOnce {
			window = append(window, s.start("keep", 1), s.start("sleep", 0.02))
		}
		for _, c := range window {
			if r := s.get(c); r.err != nil {
				t.Fatal(r.err)
			}
			made++
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("%d calls and no recycling", made)
		}
	}
	t.Logf("%d calls while %d workers were recycled", made, enough)
}

func TestMemoryThatACallGivesBackRecyclesNobody(t *testing.T) {
	t.Parallel()
	s := serve(t, pool.Config{Workers: 1, MaxMemory: 64 * mebibyte})
	s.ready(1)
	before := s.call("pid")
	s.want(s.call("borrow", 120, 1.3), "120") // long enough to be seen
	s.want(s.call("sleep", 1.2), "1.2")       // and this, for the next look
	s.want(s.call("pid"), before.result)
}

func TestTheMemoryOfAllThatAWorkerStartedCounts(t *testing.T) {
	for name, detached := range map[string]bool{"a child": false, "an orphan in a session of its own": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, pool.Config{Workers: 1, MaxMemory: 64 * mebibyte})
			s.ready(1)
			s.call("keep_in_child", 100, detached)
			s.eventually("the worker is recycled", func() bool { return s.onlyEnds(supervisor.ReasonRecycleMemory) == 1 })
		})
	}
}

func TestMemoryThatForksShareCountsOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, pool.Config{Workers: 1, MaxMemory: 120 * mebibyte, MaxMemoryHard: 160 * mebibyte})
	s.ready(1)
	r := s.call("keep_among_children", 60, 4) // 300 MiB, if it were counted in each
	s.want(s.call("sleep", 1.5), "1.5")
	s.want(s.call("sleep", 0.5), "0.5")
	s.want(s.call("pid"), r.result)
}

func TestAWorkerPastItsHardLimitIsKilledAndTheErrorSaysSo(t *testing.T) {
	for function, args := range map[string][]any{
		"borrow":          {150, 60},
		"borrow_in_child": {150},
	} {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			s := serve(t, pool.Config{Workers: 1, MaxMemoryHard: 100 * mebibyte})
			s.ready(1)
			first := s.call("pid")
			r := s.call(function, args...)
			if r.err.Kind() != rpc.KindWorkerLost {
				t.Fatalf("answered %s %v, want worker_lost", r.result, r.err)
			}
			for _, part := range []string{`"oom":true`, `"started":true`, `"signal":"SIGKILL"`, `"reason":"oom"`} {
				if !strings.Contains(string(r.err.Data), part) {
					t.Errorf("data %s lacks %s", r.err.Data, part)
				}
			}
			for _, part := range []string{"it held 1", "more than max-memory-hard (100.0 MiB)", "process"} {
				if !strings.Contains(r.err.Message, part) {
					t.Errorf("the message %q lacks %q", r.err.Message, part)
				}
			}
			t.Logf("after %v: %s", r.took, r.err.Message)
			if next := s.call("pid"); next.err != nil || next.result == first.result {
				t.Errorf("the next call was answered %s %v, want a new worker's number", next.result, next.err)
			}
			if n := s.onlyEnds(supervisor.ReasonOOM); n != 1 {
				t.Errorf("%d workers ended, want 1", n)
			}
		})
	}
}

func TestAModuleThatNeedsMoreThanTheHardLimitIsAStartThatFailed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := fmt.Sprintf("import time\nx = b'x' * (%d << 20)\ntime.sleep(600)\n", 150)
	if err := os.WriteFile(filepath.Join(dir, "glutton.py"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, pool.Config{Name: "glutton", Workers: 1, MaxMemoryHard: 100 * mebibyte}, dir)
	_, err := s.Wait(t.Context())
	if err == nil {
		t.Fatal("it started")
	}
	for _, part := range []string{"stage import", "max-memory-hard (100.0 MiB)", "raise max-memory-hard"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	s.onlyEnds(supervisor.ReasonStartImport)
}

// TestAModuleThatIsTooBigAtRestIsToldOfAndRecycledWithPauses: its every worker
// is over max-memory when it has been imported.
func TestAModuleThatIsTooBigAtRestIsToldOfAndRecycledWithPauses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := fmt.Sprintf("x = b'x' * (%d << 20)\ndef add(a, b): return a + b\n", 60)
	if err := os.WriteFile(filepath.Join(dir, "portly.py"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	const pause = time.Second
	s := serve(t, pool.Config{Name: "portly", Workers: 1, MaxMemory: 40 * mebibyte, BackoffMin: pause, BackoffMax: pause}, dir)
	s.ready(1)
	s.eventually("it is told before anything is recycled for it", func() bool { return len(of[supervisor.TooBigAtRest](s.events)) == 1 })
	e := of[supervisor.TooBigAtRest](s.events)[0]
	if e.Held.Bytes < 60*mebibyte || e.Limit != 40*mebibyte || e.Pool != "portly" || e.PID == 0 {
		t.Errorf("told: %+v", e)
	}
	if n := s.onlyEnds(supervisor.ReasonRecycleMemory); n != 0 {
		t.Errorf("%d workers were recycled that had not answered a call", n)
	}
	begin, calls := time.Now(), 0
	for ; time.Since(begin) < 3*time.Second; calls++ {
		s.want(s.call("add", calls, 0), fmt.Sprint(calls))
	}
	took := time.Since(begin)
	recycled := s.onlyEnds(supervisor.ReasonRecycleMemory)
	t.Logf("%d calls, %d workers recycled in %s", calls, recycled, took)
	// The pause has jitter, and the first has none before it.
	if most := 1 + int(took/(pause*8/10)); recycled < 1 || recycled > most {
		t.Errorf("%d workers were recycled in %s with a pause of %s, want 1 to %d", recycled, took, pause, most)
	}
	if n := len(of[supervisor.TooBigAtRest](s.events)); n != 1 {
		t.Errorf("it was told %d times", n)
	}
}

// TestAMemoryErrorIsAnAnswerAndTheWorkerLives is of faults.md, F2.
func TestAMemoryErrorIsAnAnswerAndTheWorkerLives(t *testing.T) {
	t.Parallel()
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	before := s.call("pid")
	r := s.call("ask_for", 8192, 2048)
	if r.err == nil || !strings.Contains(string(r.err.Data), `"MemoryError"`) {
		t.Errorf("answered %s %v, want a MemoryError", r.result, r.err)
	}
	s.want(s.call("pid"), before.result)
}

func TestMemoryIsLookedAtOnlyWhereItHasALimit(t *testing.T) {
	looking := func() bool {
		stacks := make([]byte, mebibyte)
		return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "pool.(*Pool).weigh(")
	}
	none := serve(t, pool.Config{Workers: 1})
	none.ready(1)
	if looking() {
		t.Error("a pool without a limit looks at its workers' memory")
	}
	for name, c := range map[string]pool.Config{"max-memory": {MaxMemory: mebibyte}, "max-memory-hard": {MaxMemoryHard: mebibyte << 10}} {
		t.Run(name, func(t *testing.T) {
			c.Workers = 1
			s := serve(t, c)
			s.eventually("its memory is looked at", looking)
		})
	}
}
