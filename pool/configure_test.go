package pool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// serves are the processes that serve.
func (s *serving) serves() (pids []int) {
	for _, slot := range s.Stat().Slots {
		if slot.Worker != nil && slot.Worker.State == supervisor.Ready {
			pids = append(pids, slot.Worker.PID)
		}
	}
	slices.Sort(pids)
	return pids
}

// configure gives the pool other settings without replacing anybody.
func (s *serving) configure(c pool.Config) {
	s.t.Helper()
	if n, err := s.Configure(s.t.Context(), c, nil); n != 0 || err != nil {
		s.t.Fatalf("%d workers were replaced, and %v", n, err)
	}
}

// TestSettingsOfThePoolsOwnHoldAtOnceAndForTheWorkersThatThereAre.
func TestSettingsOfThePoolsOwnHoldAtOnceAndForTheWorkersThatThereAre(t *testing.T) {
	dir := t.TempDir()
	code(t, dir, "live", "import time\ndef nap(s): time.sleep(s)\ndef two(): return 2\n")
	base := pool.Config{Name: "live", Workers: 2}
	s := serve(t, base, dir)
	s.ready(2)
	before := s.serves()

	c := base
	c.CallTimeout, c.CancelGrace = 100*time.Millisecond, 10*time.Second
	s.configure(c)
	if r := s.get(s.start("nap", 0.3)); r.err == nil || rpc.AsError(r.err).Kind() != rpc.KindDeadlineExceeded {
		t.Errorf("a call that is longer than the new call-timeout gave %v", r.err)
	}
	s.configure(base)
	s.want(s.call("two"), "2")
	if now := s.serves(); !slices.Equal(now, before) {
		t.Errorf("the workers were %v and are %v", before, now)
	}

	c = base
	c.MaxRequests = 1 // which both of them have had by now, or have soon
	s.configure(c)
	s.eventually("a worker is recycled for max-requests", func() bool {
		_ = s.call("two")
		return slices.ContainsFunc(of[supervisor.Exited](s.events), func(e supervisor.Exited) bool { return e.Reason == supervisor.ReasonRecycleRequests })
	})
	c = base
	c.MaxAge = time.Millisecond
	s.configure(c)
	s.eventually("a worker is recycled for max-age", func() bool {
		return slices.ContainsFunc(of[supervisor.Exited](s.events), func(e supervisor.Exited) bool { return e.Reason == supervisor.ReasonRecycleAge })
	})
	s.configure(base)
}

// TestAPoolGrowsAndShrinksAndItsSparesToo, and AsMany leaves it as it is.
func TestAPoolGrowsAndShrinksAndItsSparesToo(t *testing.T) {
	base := pool.Config{Workers: 1}
	s := serve(t, base)
	s.ready(1)
	first := s.serves()
	size := func(ready, spares int) {
		t.Helper()
		s.eventually(fmt.Sprintf("%d workers and %d spares", ready, spares), func() bool {
			st := s.Stat()
			return st.Ready == ready && st.Spares == spares && st.Desired == ready && len(st.Slots) == ready+spares
		})
	}
	s.configure(pool.Config{Workers: 3, Spare: 2})
	size(3, 2)
	if now := s.serves(); !slices.Contains(now, first[0]) {
		t.Errorf("%d is not among %v", first[0], now)
	}
	s.configure(pool.Config{Workers: pool.AsMany, MaxQueue: 3})
	size(3, 2)
	s.configure(pool.Config{Workers: 2, Spare: 1})
	size(2, 1)
	s.configure(pool.Config{Workers: 1})
	size(1, 0)
	s.want(s.call("add", 3, 4), "7")
}

// TestARollThatBreaksInTheMiddleIsRolledBack: unlike code, what the settings were
// is still known, so no worker keeps what the others do not have.
func TestARollThatBreaksInTheMiddleIsRolledBack(t *testing.T) {
	dir := t.TempDir()
	once := filepath.Join(dir, "once")
	code(t, dir, "fickle", fmt.Sprintf("import os\nif 'WHO' in os.environ: os.mkdir(%q)\ndef who(): return os.environ.get('WHO', 'old')\n", once))
	base := pool.Config{Name: "fickle", Workers: 3}
	var command pool.Command
	s := serveWith(t, base, func(o *pool.Options) { command = o.Command }, dir)
	s.ready(3)
	c := base
	c.Depth, c.MaxQueue = 2, 1
	n, err := s.Configure(t.Context(), c, withEnv(command, "WHO=new"))
	if n != 0 || err == nil || !strings.Contains(err.Error(), "FileExistsError") {
		t.Errorf("%d workers were replaced, and %v; want none, and the second one's own error", n, err)
	}
	s.ready(3)
	for range 9 {
		s.want(s.call("who"), `"old"`)
	}
	var calls []<-chan reply
	for range 40 { // max-queue is what it was, too
		calls = append(calls, s.start("who"))
	}
	for _, c := range calls {
		if r := s.get(c); r.err != nil || r.result != `"old"` {
			t.Errorf("%s, %v", r.result, r.err)
		}
	}
}

// TestAPoolIsAsBigAsItsOperatorSaidDuringARoll: as many as it was told to have
// meanwhile, whether the roll succeeds or is taken back.
func TestAPoolIsAsBigAsItsOperatorSaidDuringARoll(t *testing.T) {
	for name, works := range map[string]bool{"succeeds": true, "taken back": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			importing, goOn := filepath.Join(dir, "importing"), filepath.Join(dir, "go-on")
			code(t, dir, "awaited", fmt.Sprintf(`import os, time
if 'WHO' in os.environ:
    open(%q, 'w').close()
    while not os.path.exists(%q): time.sleep(0.01)
    if os.environ['WHO'] == 'bad': raise RuntimeError('not this one')
def who(): return os.environ.get('WHO', 'old')
`, importing, goOn))
			base := pool.Config{Name: "awaited", Workers: 1, IdleTimeout: 50 * time.Millisecond}
			var command pool.Command
			s := serveWith(t, base, func(o *pool.Options) { command = o.Command }, dir)
			s.ready(1)
			who := map[bool]string{true: "new", false: "bad"}[works]
			c := base
			c.Workers, c.MaxQueue = pool.AsMany, 9
			rolled := make(chan error, 1)
			go func() {
				_, err := s.Configure(t.Context(), c, withEnv(command, "WHO="+who))
				rolled <- err
			}()
			s.eventually("the first successor imports", func() bool { _, err := os.Stat(importing); return err == nil })
			s.resize(3)
			if err := os.WriteFile(goOn, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := <-rolled; (err == nil) != works {
				t.Errorf("the roll ended with %v", err)
			}
			if st := s.Stat(); st.Workers != 3 || st.Desired != 3 {
				t.Errorf("it is to have %d workers and has places for %d, want 3", st.Workers, st.Desired)
			}
			s.ready(3)
		})
	}
}

// TestARollGivesEveryWorkerTheNewSettings, under load, with fewer seats and then
// with more.
func TestARollGivesEveryWorkerTheNewSettings(t *testing.T) {
	dir := t.TempDir()
	code(t, dir, "rolled", "import os, asyncio\ndef who(): return os.environ.get('WHO', 'old')\nasync def anap():\n    await asyncio.sleep(0.001)\n    return 1\n")
	base := pool.Config{Name: "rolled", Workers: 2}
	var command pool.Command
	s := serveWith(t, base, func(o *pool.Options) { command = o.Command }, dir)
	s.ready(2)
	for i, depth := range []int{1, 64} {
		stop := make(chan struct{})
		failed := make(chan error, 1)
		go func() {
			defer close(failed)
			for {
				select {
				case <-stop:
					return
				default:
				}
				var calls []<-chan reply
				for range 20 {
					calls = append(calls, s.start("who"), s.start("anap"))
				}
				for _, c := range calls {
					if r := s.get(c); r.err != nil {
						failed <- r.err
						return
					}
				}
			}
		}()
		c := base
		c.Depth, c.Concurrency, c.Workers = depth, 2*depth, 2+i
		if n, err := s.Configure(t.Context(), c, withEnv(command, fmt.Sprintf("WHO=new%d", i))); n != 2 || err != nil {
			t.Errorf("%d workers were replaced, and %v", n, err)
		}
		close(stop)
		if err := <-failed; err != nil {
			t.Error(err)
		}
		s.want(s.call("who"), fmt.Sprintf("%q", fmt.Sprintf("new%d", i)))
	}
	s.ready(3)
}

// TestWhoWaitsIsServedWhenAPoolFinishes, and who comes is not.
func TestWhoWaitsIsServedWhenAPoolFinishes(t *testing.T) {
	dir := t.TempDir()
	code(t, dir, "slow", "import time\ndef nap():\n    time.sleep(0.02)\n    return 1\n")
	s := serve(t, pool.Config{Name: "slow", Workers: 1, Depth: 1}, dir)
	s.ready(1)
	var calls []<-chan reply
	for range 10 {
		calls = append(calls, s.start("nap"))
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Error(err)
	}
	for i, c := range calls {
		if r := s.get(c); r.err != nil || r.result != "1" {
			t.Errorf("call %d: %s, %v", i, r.result, r.err)
		}
	}
	if r := s.get(s.start("nap")); rpc.AsError(r.err).Kind() != rpc.KindShuttingDown {
		t.Errorf("who came late got %v", r.err)
	}
}

// withEnv is a command with one more variable.
func withEnv(c pool.Command, pair string) pool.Command {
	return func(ctx context.Context) (supervisor.Command, error) {
		command, err := c(ctx)
		command.Env = append(slices.Clone(command.Env), pair)
		return command, err
	}
}

// TestAPoolThatFinishesRunsWhatItsWorkersGiveBack: calls behind a long one, and
// those behind one that kills its worker, ran nowhere yet.
func TestAPoolThatFinishesRunsWhatItsWorkersGiveBack(t *testing.T) {
	for name, test := range map[string]struct {
		workers int
		last    []any
	}{
		"behind a long call":     {2, []any{"sleep", 0.5}},
		"behind a worker's last": {1, []any{"leave", 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, pool.Config{Workers: test.workers})
			s.ready(test.workers)
			for range 50 { // sleep is quick, as far as anybody knows
				s.want(s.call("sleep", 0), "0")
			}
			last := s.start(test.last[0].(string), test.last[1])
			var quick []<-chan reply
			for range 100 {
				quick = append(quick, s.start("sleep", 0))
			}
			if err := s.Finish(t.Context()); err != nil {
				t.Error(err)
			}
			s.get(last)
			for i, c := range quick {
				if r := s.get(c); r.err != nil {
					t.Fatalf("call %d behind it: %v", i, r.err)
				}
			}
		})
	}
}
