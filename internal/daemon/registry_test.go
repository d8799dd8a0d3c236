package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
)

func TestAskingForAMissingModuleAgainAndAgainSpawnsLittle(t *testing.T) {
	d := start(t, "", map[string]string{
		"fails": "import os\nwith open(os.path.join(os.path.dirname(__file__), 'spawns'), 'a') as f: f.write('x')\nraise RuntimeError('no')\n",
	})
	c := dial(t, d.host)
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		refused(t, c, rpc.KindImportFailed, "", "fails.f", nil)
	}
	spawns, err := os.ReadFile(filepath.Join(d.dir, "lib", "spawns"))
	if err != nil || len(spawns) > 12 {
		t.Errorf("%d spawns (%v)", len(spawns), err)
	}
	if n := len(d.pools.now.Load().all); n != 1 {
		t.Errorf("%d pools for one module", n)
	}
}

func TestAMendedModuleIsImportedOnceTheFailureIsForgotten(t *testing.T) {
	d := start(t, "[daemon]\nimport-policy = \"any\"\nforget-after = \"1s\"\n[pool-defaults]\nbackoff-min = \"1h\"\nbackoff-max = \"1h\"\n", nil)
	c := dial(t, d.host)
	refused(t, c, rpc.KindImportFailed, "late", "late.f", nil)
	d.write(t, "late", "def f(): return 'here'\n")
	refused(t, c, rpc.KindImportFailed, "late", "late.f", nil) // its backoff is an hour
	wait(t, "the failed pool is forgotten", func() bool { return len(d.pools.now.Load().all) == 0 })
	if got := call(t, c, "late.f", nil); got != `"here"` {
		t.Errorf("late.f = %s", got)
	}
}

func TestAnIdlePoolIsClosedAndComesBack(t *testing.T) {
	d := start(t, "[daemon]\nimport-policy = \"any\"\n[pool-defaults]\nidle-timeout = \"1s\"\n[pools.json]\n", nil)
	c := dial(t, d.host)
	first := call(t, c, "os.getpid", nil)
	wait(t, "the imported pool is closed", func() bool { return d.pools.named("os") == nil })
	if d.pools.named("json") == nil {
		t.Error("a declared pool was closed")
	}
	if second := call(t, c, "os.getpid", nil); second == first {
		t.Errorf("worker %s is back from the dead", first)
	}
}

func TestMissingModulesCannotUseUpMaxPools(t *testing.T) {
	d := start(t, "[daemon]\nimport-policy = \"any\"\nmax-pools = 2\n", nil)
	c := dial(t, d.host)
	for i := range 5 {
		refused(t, c, rpc.KindImportFailed, "", fmt.Sprintf("nosuch_%d.f", i), nil)
	}
	call(t, c, "math.pi", nil)
	call(t, c, "os.sep", nil)
	refused(t, c, rpc.KindOverloaded, "max-pools", "json.dumps", list{1})
	if n := len(d.pools.now.Load().all); n > 2 {
		t.Errorf("%d pools", n)
	}
}

// TestAPoolMadeAnewIsNotForgottenForTheOldOne: tidying works from a picture
// that may be old by the time it holds the lock.
func TestAPoolMadeAnewIsNotForgottenForTheOldOne(t *testing.T) {
	d := start(t, "", nil)
	c := dial(t, d.host)
	call(t, c, "math.pi", nil)
	old := d.pools.named("math")
	d.pools.mu.Lock()
	old.shut(nil)
	d.pools.forget(old)
	d.pools.mu.Unlock()
	call(t, c, "math.pi", nil)
	d.pools.forgetIdle(old, time.Now().Add(24*time.Hour))
	if now := d.pools.named("math"); now == nil || now == old {
		t.Errorf("the pool in its place is %v", now)
	}
	call(t, c, "math.pi", nil)
}

// TestAPoolThatWasUsedMeanwhileIsNotForgotten: idle when it was looked at, and
// not any more when it would be closed.
func TestAPoolThatWasUsedMeanwhileIsNotForgotten(t *testing.T) {
	d := start(t, "", nil)
	c := dial(t, d.host)
	pid := call(t, c, "os.getpid", nil)
	s := d.pools.named("os")
	d.pools.forgetIdle(s, time.Now())
	if got := call(t, c, "os.getpid", nil); got != pid || d.pools.named("os") != s {
		t.Errorf("worker %s, then %s", pid, got)
	}
}

func TestDrainAnswersWhatRunsAndRefusesWhatWaits(t *testing.T) {
	d := start(t, "", map[string]string{"slow": "import time\ndef nap(s):\n    time.sleep(s)\n    return s\n"})
	c := dial(t, d.host)
	call(t, c, "math.pi", nil)
	answers := make(chan string, 3)
	ask := func(s float64) {
		var result json.RawMessage
		if err := c.Call(t.Context(), "slow.nap", list{s}, &result); err != nil {
			answers <- string(kindOf(err))
			return
		}
		answers <- string(result)
	}
	go ask(0.7)
	wait(t, "the first runs", func() bool { s := d.pools.named("slow"); return s != nil && s.pool.Stat().Busy == 1 })
	go ask(0.6)
	wait(t, "the second waits", func() bool { return d.pools.named("slow").pool.Stat().Queue == 1 })
	d.stop()
	got := []string{<-answers, <-answers}
	if diff := cmp.Diff([]string{string(rpc.KindShuttingDown), "0.7"}, got); diff != "" {
		t.Error(diff)
	}
}

func kindOf(err error) rpc.Kind {
	var e *rpc.Error
	if errors.As(err, &e) {
		return e.Kind()
	}
	return rpc.Kind(err.Error())
}

func TestStatusAndWorkersHaveTheirShapes(t *testing.T) {
	d := start(t, "", map[string]string{"crash": "import os\ndef f(): os._exit(3)\ndef ok(): return 1\n"})
	host, control := dial(t, d.host), dial(t, d.control)
	call(t, host, "crash.ok", nil)
	refused(t, host, rpc.KindWorkerLost, "", "crash.f", nil)
	call(t, host, "crash.ok", nil)

	var s Status
	raw := call(t, control, "mochi.status", nil)
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		t.Fatal(err)
	}
	if s.Daemon.PID != os.Getpid() || s.Daemon.Version != "test" || len(s.Pools) != 1 || s.Pools[0].WorkersDesired != 1 || s.Pools[0].Calls != 3 {
		t.Errorf("status: %s", raw)
	}
	raw = call(t, control, "mochi.workers", nil)
	var w Workers
	if err := json.Unmarshal([]byte(raw), &w); err != nil {
		t.Fatal(err)
	}
	if len(w.Workers) != 1 {
		t.Fatalf("workers: %s", raw)
	}
	one := w.Workers[0]
	if one.State != "ready" || one.Generation != 2 || one.LastExit == nil || one.LastExit.Reason != "exit" || *one.LastExit.ExitCode != 3 || one.RSSBytes == 0 {
		t.Errorf("workers: %s", raw)
	}
	if !strings.Contains(raw, `"now":null`) || !strings.Contains(raw, `"signal":null`) {
		t.Errorf("absent members must be null: %s", raw)
	}
}

func TestRestartIsOfAPoolASlotOrAll(t *testing.T) {
	d := start(t, "", nil)
	host, control := dial(t, d.host), dial(t, d.control)
	pid := call(t, host, "os.getpid", nil)
	for _, params := range []any{object{"pool": "os", "wait": true}, object{"pool": "os", "slot": 0, "hard": true, "wait": true}, object{"wait": true}} {
		if got := call(t, control, "mochi.restart", params); got != `{"restarted":1}` {
			t.Errorf("restart %v = %s", params, got)
		}
		next := call(t, host, "os.getpid", nil)
		if next == pid {
			t.Errorf("restart %v kept worker %s", params, pid)
		}
		pid = next
	}
	refused(t, control, rpc.KindInvalidParams, "no pool", "mochi.restart", object{"pool": "nosuch"})
	refused(t, control, rpc.KindInvalidParams, "no worker 5", "mochi.restart", object{"pool": "os", "slot": 5})
	refused(t, control, rpc.KindInvalidParams, "needs its pool", "mochi.restart", object{"slot": 0})
	refused(t, control, rpc.KindInvalidParams, "poool", "mochi.restart", object{"poool": "os"})
}

func TestRestartOfAllSkipsWhatAHostAskedForInVain(t *testing.T) {
	d := start(t, "[daemon]\nimport-policy = \"any\"\n[pools.bad]\n[pools.json]\n", map[string]string{"bad": "raise RuntimeError('not today')\n"})
	host, control := dial(t, d.host), dial(t, d.control)
	refused(t, host, rpc.KindImportFailed, "", "nosuch_module.f", nil)
	// A declared one is the operator's, and is named.
	refused(t, control, rpc.KindImportFailed, "not restarted: pool bad: ", "mochi.restart", object{"wait": true})
	d.write(t, "bad", "def f(): return 1\n")
	if got := call(t, control, "mochi.restart", object{"wait": true}); got != `{"restarted":2}` {
		t.Errorf("restart of all = %s", got)
	}
}

func TestDefaultsOfConfigAndPoolAreTheSame(t *testing.T) {
	p := config.Default().OnDemand("m")
	for name, pair := range map[string][2]any{
		"workers":          {p.Workers, pool.DefaultWorkers},
		"concurrency":      {p.Concurrency, pool.DefaultConcurrency},
		"depth":            {p.Depth, pool.DefaultDepth},
		"start-timeout":    {p.StartTimeout, pool.DefaultStartTimeout},
		"stop-timeout":     {p.StopTimeout, pool.DefaultStopTimeout},
		"graceful-timeout": {p.GracefulTimeout, pool.DefaultGracefulTimeout},
		"queue-timeout":    {p.QueueTimeout, pool.DefaultQueueTimeout},
		"max-handles":      {p.MaxHandles, pool.DefaultMaxHandles},
		"max-queue":        {p.MaxQueue, pool.DefaultMaxQueue},
		"call-timeout":     {p.CallTimeout, pool.DefaultCallTimeout},
		"cancel-grace":     {p.CancelGrace, pool.DefaultCancelGrace},
		"max-retries":      {p.MaxRetries, pool.DefaultMaxRetries},
		"max-requeues":     {p.MaxRequeues, pool.DefaultMaxRequeues},
		"backoff-min":      {p.BackoffMin, pool.DefaultBackoffMin},
		"backoff-max":      {p.BackoffMax, pool.DefaultBackoffMax},
		"restart-limit":    {p.RestartLimit, pool.DefaultRestartLimit},
		"restart-window":   {p.RestartWindow, pool.DefaultRestartWindow},
		"max-message":      {int(config.Default().Daemon().MaxMessage), pool.DefaultMaxMessage},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v in the configuration and %v in the pool", name, pair[0], pair[1])
		}
	}
}
