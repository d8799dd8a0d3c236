package pool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

func TestACallGivenBeforeTheFirstWorkerIsReadyIsAnswered(t *testing.T) {
	s := serve(t, pool.Config{Workers: 2})
	s.want(s.call("add", 3, 4), "7")
}

func TestALongCallDoesNotSitOnWorkThatAnIdleWorkerCouldDo(t *testing.T) {
	inTime(t, 1300*time.Millisecond, "100 calls of 10 ms beside one long call", func() time.Duration {
		s := serve(t, pool.Config{Workers: 2})
		s.ready(2)
		return s.shortBesideLong()
	})
}

// shortBesideLong makes one call of 2 s and a hundred of 10 ms behind it, and
// says how long the hundred took.
func (s *serving) shortBesideLong() time.Duration {
	s.t.Helper()
	long := s.start("sleep", 2)
	begin := time.Now()
	short := make([]<-chan reply, 100)
	for i := range short {
		short[i] = s.start("sleep", 0.01)
	}
	for _, c := range short {
		s.want(s.get(c), "0.01")
	}
	took := time.Since(begin)
	s.want(s.get(long), "2")
	return took
}

func TestWhatWaitsBehindACallThatTurnedOutLongIsDoneElsewhere(t *testing.T) {
	inTime(t, 1300*time.Millisecond, "100 calls of 10 ms beside one long call", func() time.Duration {
		s := serve(t, pool.Config{Workers: 2})
		s.ready(2)
		for range 60 {
			s.want(s.call("sleep", 0), "0") // quick, so far
		}
		return s.shortBesideLong()
	})
}

func TestQuickCallsFillThePipeAndStayInOrder(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	calls := make([]<-chan reply, 1000)
	for i := range calls {
		calls[i] = s.start("add", i, 0)
	}
	for i, c := range calls {
		s.want(s.get(c), fmt.Sprint(i))
	}
}

func TestAHundredCoroutinesOverlapOnOneWorker(t *testing.T) {
	for _, function := range []string{"asleep", "later"} {
		t.Run(function, func(t *testing.T) {
			s := serve(t, pool.Config{Workers: 1})
			s.want(s.call(function, 0), "0") // later: the pool learns that it awaits
			inTime(t, 400*time.Millisecond, "100 sleeps of 0.1 s", func() time.Duration {
				begin := time.Now()
				calls := make([]<-chan reply, 100)
				for i := range calls {
					calls[i] = s.start(function, 0.1)
				}
				for _, c := range calls {
					s.want(s.get(c), "0.1")
				}
				return time.Since(begin)
			})
		})
	}
}

func TestFunctionsThatNobodyKnewToBeCoroutinesDoNotShutTheirWorkerOut(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	var calls []<-chan reply
	for i := range 200 { // more than the worker has seats
		calls = append(calls, s.start(fmt.Sprintf("Crowd.f%d", i), 0.3))
	}
	for i, c := range calls {
		s.want(s.get(c), fmt.Sprint(i))
	}
	s.want(s.call("add", 1, 1), "2")
}

func TestAFullLoopDoesNotKeepTheMainThreadIdle(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, Concurrency: 4})
	s.want(s.call("later", 0), "0") // the pool learns that it awaits
	inTime(t, 400*time.Millisecond, "a synchronous call behind coroutines that fill the loop", func() time.Duration {
		var waiting []<-chan reply
		for range 10 {
			waiting = append(waiting, s.start("later", 0.5))
		}
		r := s.call("add", 1, 1)
		s.want(r, "2")
		for _, c := range waiting {
			s.want(s.get(c), "0.5")
		}
		return r.took
	})
}

func TestAQuestionGoesToTheWorkerThatIsFree(t *testing.T) {
	s := serve(t, pool.Config{Workers: 2})
	s.ready(2)
	inTime(t, time.Second, "a question beside an idle worker", func() time.Duration {
		long := s.start("sleep", 1.5)
		begin := time.Now()
		if _, err := s.Ask(t.Context(), "mochi.ping", nil); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		s.want(s.get(long), "1.5")
		return took
	})
}

func TestABusyMainThreadDoesNotKeepCoroutinesWaiting(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	inTime(t, time.Second, "a coroutine beside a long synchronous call", func() time.Duration {
		long := s.start("sleep", 1.5)
		r := s.call("asleep", 0.01)
		s.want(r, "0.01")
		s.want(s.get(long), "1.5")
		return r.took
	})
}

func TestACrashCostsTheCallThatRanAndNoOther(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	s.want(s.call("add", 1, 1), "2")
	crash := s.start("segfault")
	behind := make([]<-chan reply, 20)
	for i := range behind {
		behind[i] = s.start("add", i, i)
	}
	r := s.get(crash)
	if r.err.Kind() != rpc.KindWorkerLost || !strings.Contains(string(r.err.Data), `"SIGSEGV"`) || !strings.Contains(string(r.err.Data), "Segmentation fault") {
		t.Errorf("the crashed call was answered %v %s, want worker_lost with SIGSEGV and the faulthandler's text", r.err, r.err.Data)
	}
	for i, c := range behind {
		s.want(s.get(c), fmt.Sprint(2*i))
	}
	if took := time.Since(of[supervisor.Exited](s.events)[0].At); took > time.Second {
		t.Errorf("whole again after %v, want under 1 s", took)
	}
}

func TestNothingStartedRunsTwiceAndNothingElseIsLost(t *testing.T) {
	// Workers are killed at random moments under load; each call leaves its
	// mark in a file, so the functions themselves count their runs.
	marks := filepath.Join(t.TempDir(), "marks")
	const workers, calls = 4, 20_000
	s := serve(t, pool.Config{Workers: workers, MaxRequeues: 1000})
	s.ready(workers)
	ctx, stop := context.WithCancel(context.Background())
	killed := make(chan int)
	go func() {
		kills := 0
		defer func() { killed <- kills }()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if w := s.Stat().Slots[rand.IntN(workers)].Worker; w != nil && w.PID > 0 && syscall.Kill(w.PID, syscall.SIGKILL) == nil {
				kills++
			}
		}
	}()
	answered, lost := map[string]bool{}, map[string]bool{}
	type out struct {
		key     string
		replies <-chan reply
	}
	var window []out
	settle := func(o out) {
		r := s.get(o.replies)
		switch {
		case r.err == nil:
			answered[o.key] = true
		case r.err.Kind() == rpc.KindWorkerLost && strings.Contains(string(r.err.Data), `"started":true`):
			lost[o.key] = true
		default:
			t.Errorf("call %s was answered %v %s", o.key, r.err, r.err.Data)
		}
	}
	for i := range calls {
		key := fmt.Sprint(i)
		window = append(window, out{key, s.start("note", marks, key)})
		if len(window) >= 200 {
			settle(window[0])
			window = window[1:]
		}
	}
	for _, o := range window {
		settle(o)
	}
	stop()
	t.Logf("%d calls: %d answered, %d lost after they had started, %d kills", calls, len(answered), len(lost), <-killed)
	ran, err := os.ReadFile(marks)
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]int{}
	for key := range strings.FieldsSeq(string(ran)) {
		runs[key]++
	}
	for key, n := range runs {
		if n > 1 {
			t.Errorf("call %s ran %d times", key, n)
		}
	}
	for key := range answered {
		if runs[key] != 1 {
			t.Errorf("call %s was answered and ran %d times", key, runs[key])
		}
	}
	if len(answered)+len(lost) != calls {
		t.Errorf("%d answers for %d calls", len(answered)+len(lost), calls)
	}
}

func TestAWaitingCallSurvivesTheDeathOfTheWorkerItWaitedFor(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	long := s.start("sleep", 30)
	s.eventually("the long call has started", func() bool { return len(s.Stat().Slots[0].Worker.Running) == 1 })
	waiting := s.start("add", 1, 1)
	if err := syscall.Kill(s.Stat().Slots[0].Worker.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if r := s.get(long); r.err.Kind() != rpc.KindWorkerLost {
		t.Errorf("the running call was answered %v, want worker_lost", r.err)
	}
	s.want(s.get(waiting), "2")
}

func TestRollingRestartUnderLoadLosesNoCall(t *testing.T) {
	s := serve(t, pool.Config{Workers: 2})
	s.ready(2)
	ctx, stop := context.WithCancel(context.Background())
	loaded := make(chan int)
	go func() {
		calls := 0
		defer func() { loaded <- calls }()
		for ctx.Err() == nil {
			s.want(s.call("add", calls, 1), fmt.Sprint(calls+1))
			calls++
		}
	}()
	before := s.Stat()
	for range 3 {
		if err := s.Restart(t.Context(), -1, false); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if n := <-loaded; n == 0 {
		t.Error("no call was made during the restarts")
	}
	after := s.Stat()
	for i := range after.Slots {
		if after.Slots[i].Worker.PID == before.Slots[i].Worker.PID || after.Slots[i].Gen != before.Slots[i].Gen+3 {
			t.Errorf("slot %d was not restarted three times: %+v", i, after.Slots[i])
		}
	}
}

func TestDrainAnswersWhatIsInFlightAndRefusesTheRest(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	s.ready(1)
	running := s.start("sleep", 0.3)
	waiting := s.start("sleep", 0.3)
	drained := make(chan error, 1)
	go func() { drained <- s.Drain(t.Context()) }()
	if r := s.get(waiting); r.err.Kind() != rpc.KindShuttingDown {
		t.Errorf("the waiting call was answered %v, want shutting_down", r.err)
	}
	if r := s.call("add", 1, 1); r.err.Kind() != rpc.KindShuttingDown {
		t.Errorf("a new call was answered %v, want shutting_down", r.err)
	}
	s.want(s.get(running), "0.3")
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := s.Stat().Status; got != pool.Closed {
		t.Errorf("status %s, want closed", got)
	}
}

func TestAModuleThatDoesNotImportTellsItsCallersWhyAndHealsWhenMended(t *testing.T) {
	dir := t.TempDir()
	module := filepath.Join(dir, "fragile.py")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(module, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("raise RuntimeError('the cable is out')\n")
	s := serve(t, pool.Config{Name: "fragile", Workers: 4}, dir)
	r := s.call("ping")
	if r.err.Kind() != rpc.KindImportFailed || !strings.Contains(string(r.err.Data), "the cable is out") {
		t.Errorf("answered %v %s, want import_failed with the traceback", r.err, r.err.Data)
	}
	write("def ping(): return 'pong'\n")
	s.ready(4)
	s.want(s.call("ping"), `"pong"`)
}

func TestAPoolWhoseWorkersDieBeforeAnsweringFailsFastWithTheCause(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1, RestartLimit: 2, BackoffMin: time.Millisecond, BackoffMax: 2 * time.Millisecond})
	s.ready(1)
	var last reply
	for range 20 {
		if last = s.call("leave", 3); last.err.Kind() == rpc.KindPoolUnavailable {
			break
		}
	}
	if last.err.Kind() != rpc.KindPoolUnavailable || !strings.Contains(string(last.err.Data), "next_attempt_ms") {
		t.Fatalf("answered %v %s, want pool_unavailable", last.err, last.err.Data)
	}
	s.eventually("the probe has healed the pool", func() bool { return s.Stat().Status == pool.Open })
	s.want(s.call("add", 1, 1), "2")
}

func TestWhatDiesOutsideItsOwnFaultIsReplacedAtOnce(t *testing.T) {
	s := serve(t, pool.Config{Workers: 1})
	for range 8 {
		s.ready(1)
		w := s.Stat().Slots[0].Worker
		if err := syscall.Kill(w.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.eventually("a new worker is ready", func() bool {
			now := s.Stat().Slots[0].Worker
			return now != nil && now.PID != w.PID && now.State == supervisor.Ready
		})
	}
	if got := s.Stat(); got.Status == pool.Broken || got.Cause != nil {
		t.Errorf("status %s (%v) after kills from outside", got.Status, got.Cause)
	}
}
