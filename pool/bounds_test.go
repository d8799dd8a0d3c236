package pool

import (
	"reflect"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// TestACallMovesOnAndRunsAgainAsOftenAsTheSettingsSay: max-requeues is of calls that
// had not started, max-retries of idempotent ones that had.
func TestACallMovesOnAndRunsAgainAsOftenAsTheSettingsSay(t *testing.T) {
	for setting, want := range map[int]int{-1: 0, 1: 1, 5: 5} {
		p := idlePool(t, Config{MaxRequeues: setting, MaxRetries: setting})
		for _, started := range []bool{false, true} {
			c := &rpc.Call{Meta: rpc.Meta{Idempotent: true}}
			times := 0
			for times <= want && p.mayRunAgain(supervisor.Orphan{Call: c, Started: started}) {
				times++
			}
			if times != want {
				t.Errorf("started %v: with %d it ran again %d times, want %d", started, setting, times, want)
			}
		}
	}
}

// TestTheJitterSpreadsTheLivesOfWorkers over max-requests and as many more, and ends
// none where there is no max-requests.
func TestTheJitterSpreadsTheLivesOfWorkers(t *testing.T) {
	const least, more, lives = 100, 20, 400
	p := idlePool(t, Config{MaxRequests: least, MaxRequestsJitter: more})
	seen := map[int]bool{}
	for range lives {
		n := p.lifetime()
		if seen[n] = true; n < least || n > least+more {
			t.Fatalf("a worker lives %d calls, want %d to %d", n, least, least+more)
		}
	}
	if len(seen) < more/2 {
		t.Errorf("%d workers have only %d lengths of life", lives, len(seen))
	}
	if n := idlePool(t, Config{MaxRequestsJitter: more}).lifetime(); n != 0 {
		t.Errorf("without max-requests a worker lives %d calls", n)
	}
}

// TestOnlyEarlyDeathsCountAndOnlyWithinTheWindow: restart-limit of them within
// restart-window, and one more, break the pool; workers that had answered never do.
func TestOnlyEarlyDeathsCountAndOnlyWithinTheWindow(t *testing.T) {
	const limit, window = 3, 10 * time.Second
	broken := func(deaths int, apart time.Duration, answered uint64) bool {
		p := idlePool(t, Config{RestartLimit: limit, RestartWindow: window})
		c, now := &p.circuit, time.Unix(0, 0)
		for range deaths {
			now = now.Add(apart)
			c.started()
			c.ready()
			c.died(segfault(answered), now)
		}
		return c.broken
	}
	for what, test := range map[string]struct {
		deaths   int
		apart    time.Duration
		answered uint64
		broken   bool
	}{
		"as many as may be":                  {limit, time.Millisecond, 0, false},
		"one more":                           {limit + 1, time.Millisecond, 0, true},
		"many, and each after its window":    {50, window, 0, false},
		"many, of workers that had answered": {50, time.Millisecond, 1, false},
	} {
		if got := broken(test.deaths, test.apart, test.answered); got != test.broken {
			t.Errorf("%s: broken is %v", what, got)
		}
	}
}

// TestAWorkerIsStartedWithThePoolsSettings: each that has the same name there, with
// the value it has here.
func TestAWorkerIsStartedWithThePoolsSettings(t *testing.T) {
	p := idlePool(t, Config{
		Number: 3, MaxHandles: 5, MaxMessage: 7 << 20, BusyPoll: 11 * time.Microsecond, CallTimeout: 13 * time.Second, LoopPerCall: true,
		StartTimeout: 17 * time.Second, StopTimeout: 19 * time.Second, LogRate: 23, Depth: 29, Concurrency: 31,
	})
	p.opt.Ledger = &supervisor.Ledger{}
	worker, err := p.nextWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, from := range []reflect.Value{reflect.ValueOf(p.opt), reflect.ValueOf(p.opt.Config)} {
		for i := range from.NumField() {
			name := from.Type().Field(i).Name
			to := reflect.ValueOf(worker).FieldByName(name)
			if !to.IsValid() || name == "Command" || name == "Hook" {
				continue
			}
			if same++; !from.Field(i).Equal(to) {
				t.Errorf("%s is %v for the pool, and %v for its worker", name, from.Field(i), to)
			}
		}
	}
	const shared = 10 // of the settings above, and Spawner
	if same < shared || worker.PoolNumber != 3 || worker.LoopSeats != 31 || worker.MainSeats < 29 {
		t.Errorf("%d settings are a worker's, want %d or more: %+v", same, shared, worker)
	}
}
