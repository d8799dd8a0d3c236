package daemon

import (
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// TestAForcedEndIsSoonAndAnswersFirst: a worker that ignores SIGTERM and
// end-of-file is killed, and the host hears of its call before the connection
// closes; whether the force comes while the call runs or while its worker is
// being stopped already.
func TestAForcedEndIsSoonAndAnswersFirst(t *testing.T) {
	const stubborn = `
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
import atexit
atexit.register(time.sleep, 60)
def here(): return True
def nap(): time.sleep(60)
`
	for _, busy := range []bool{true, false} {
		d := start(t, "", map[string]string{"stubborn": stubborn})
		c := dial(t, d.host)
		call(t, c, "stubborn.here", nil)
		answer := make(chan error, 1)
		s := d.pools.named("stubborn")
		if busy {
			go func() { answer <- c.Call(t.Context(), "stubborn.nap", nil, nil) }()
			wait(t, "the call runs", func() bool { return s.pool.Stat().Busy == 1 })
		}
		d.stop()
		if busy {
			wait(t, "the daemon drains", d.draining.Load)
		} else {
			wait(t, "the worker is being stopped", func() bool {
				slots := s.pool.Stat().Slots
				return len(slots) == 1 && slots[0].Worker != nil && slots[0].Worker.State == supervisor.Stopping
			})
		}
		began := time.Now()
		d.Force()
		err := <-d.ended
		d.ended <- err // start's own cleanup wants it too
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("busy %t: it took %s", busy, took)
		}
		if !busy {
			continue
		}
		if kind := kindOf(<-answer); kind != rpc.KindWorkerLost {
			t.Errorf("the call's answer: %s", kind)
		}
	}
}
