package acceptance

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestScalingCostsNoCall goes up and down under 200 calls a second.
func TestScalingCostsNoCall(t *testing.T) {
	d := serve(t, rig.Options{Config: "[pools.shapes]\nworkers = 2\n[pools.math]\nworkers = 1\n"})
	stop := make(chan struct{})
	var hosts sync.WaitGroup
	var calls, failed atomic.Int64
	hosts.Go(func() {
		beat := time.NewTicker(every)
		defer beat.Stop()
		for {
			select {
			case <-stop:
				return
			case <-beat.C:
			}
			hosts.Go(func() {
				host, err := rig.Dial(d.Socket)
				if err != nil {
					failed.Add(1)
					return
				}
				defer host.Close()
				answer, err := host.Call("math.sqrt", "[9]")
				if calls.Add(1); err != nil || answer.Error != nil {
					failed.Add(1)
					t.Logf("%v %+v", err, answer.Error)
				}
			})
		}
	})
	for _, n := range []int{4, 1, 6, 2, 1, 3, 1} {
		if got := typeIn(t, d, "scale", fmt.Sprintf("math=%d", n), "--wait"); got.status != 0 {
			t.Errorf("scale math=%d: exit %d: %s", n, got.status, got.stderr)
		}
	}
	close(stop)
	hosts.Wait()
	if calls.Load() == 0 || failed.Load() > 0 {
		t.Errorf("%d of %d calls failed", failed.Load(), calls.Load())
	}
}
