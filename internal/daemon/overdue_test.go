package daemon

import (
	"context"
	"sync"
	"testing"
)

// TestAPoolThatIsLateIsToldOfOnce: one that a reload ends is ended by a drain, too.
func TestAPoolThatIsLateIsToldOfOnce(t *testing.T) {
	r := start(t, "[pools.talkative]\ngraceful-timeout = \"100ms\"\nstop-timeout = \"1s\"\n", map[string]string{"talkative": talkative + `
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
`})
	host := dial(t, r.host)
	call(t, host, "talkative.say", list{1, "here"})
	go func() { _ = host.Call(context.Background(), "talkative.nap", list{30}, nil) }()
	s := r.pools.named("talkative")
	until(t, dial(t, r.control), `"nap"`, "mochi.workers", object{"pool": "talkative"})
	var both sync.WaitGroup
	both.Go(func() { r.pools.finish(s) })
	both.Go(func() { r.pools.end(t.Context(), s) })
	both.Wait()
	late := 0
	for _, e := range r.memory.events.all() {
		if e.Event == "drain_timeout" {
			late++
		}
	}
	if late != 1 {
		t.Errorf("told %d times", late)
	}
}
