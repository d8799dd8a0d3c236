package acceptance

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestACrashLoopingPoolSlowsNoOtherDown: the 99th percentile of one pool's calls
// while another pool crash-loops, and somebody keeps calling it, is at most 1.2
// times what it is without, in the median of five interleaved runs.
func TestACrashLoopingPoolSlowsNoOtherDown(t *testing.T) {
	const (
		rounds = 5
		tries  = 3
		worst  = 1.2
	)
	const calls = 10000
	if raceEnabled {
		t.Skip("built with the race detector, which makes a daemon's latency its own: make bench runs this test without it")
	}
	d := serve(t, rig.Options{Workers: 1, Config: "[daemon]\nimport-policy = \"any\"\n[pool-defaults]\nbackoff-min = \"100ms\"\nbackoff-max = \"200ms\"\n"})
	h := dial(t, d)
	run := func() time.Duration {
		took := make([]time.Duration, calls)
		for i := range took {
			started := time.Now()
			call(t, h, "both.add", "[3,4]")
			took[i] = time.Since(started)
		}
		slices.Sort(took)
		return took[calls*99/100]
	}
	run() // warm
	var ratios []float64
	for range tries {
		var each []float64
		for range rounds {
			without := run()
			stop := crashLoop(t, d)
			with := run()
			crashes := stop()
			each = append(each, float64(with)/float64(without))
			t.Logf("p99 %s without, %s beside %d crashes", without, with, crashes)
		}
		slices.Sort(each)
		ratios = append(ratios, each[rounds/2])
		if ratios[len(ratios)-1] <= worst {
			t.Logf("medians of the ratio: %.2f, promised ≤ %.1f", ratios, worst)
			return
		}
	}
	t.Errorf("medians of the ratio in %d tries: %.2f, promised ≤ %.1f", tries, ratios, worst)
}

// crashLoop keeps a pool dying until it is stopped, and then says how often it
// died of a call. It dies before it has answered anything, so the pool's own
// backoff is what spares the other's processor; a loop that is called at a rate
// of its own choosing would measure how many processors the machine has.
func crashLoop(t *testing.T, d *rig.Daemon) (stop func() int) {
	t.Helper()
	h := dial(t, d)
	const pace = 50 * time.Millisecond
	over := make(chan struct{})
	crashes := 0
	var looping sync.WaitGroup
	looping.Go(func() {
		ask := time.NewTicker(pace)
		defer ask.Stop()
		for {
			select {
			case <-over:
				return
			case <-ask.C:
			}
			a, err := h.Call("crashy.segfault", "")
			if err != nil {
				t.Error(err)
				return
			}
			if a.Error.Kind() == "worker_lost" {
				crashes++
			}
		}
	})
	return func() int {
		close(over)
		looping.Wait()
		return crashes
	}
}
