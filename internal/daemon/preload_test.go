package daemon

import (
	"encoding/json"
	"testing"
	"time"
)

func TestAPreloadedPoolAndItsSpareAreShownAsWhatTheyAre(t *testing.T) {
	r := start(t, "[pools.greeter]\npreload = true\nspare = 1\n", map[string]string{"greeter": "def greet(): return 'hello'\n"})
	host, control := dial(t, r.host), dial(t, r.control)
	if got := call(t, host, "greeter.greet", nil); got != `"hello"` {
		t.Errorf("answered %s", got)
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for { // the spare comes after those that serve, and says so only there
		var status Status
		if err := json.Unmarshal([]byte(call(t, control, "mochi.status", nil)), &status); err != nil {
			t.Fatal(err)
		}
		p := status.Pools[0]
		if !p.Preload || p.SparesDesired != 1 || p.WorkersDesired != 1 {
			t.Fatalf("status: %+v", p)
		}
		if p.SparesReady == 1 && p.WorkersReady == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the spare did not become ready")
		}
		<-tick.C
	}
	var workers Workers
	if err := json.Unmarshal([]byte(call(t, control, "mochi.workers", nil)), &workers); err != nil {
		t.Fatal(err)
	}
	states := map[string]int{}
	for _, w := range workers.Workers {
		states[w.State]++
	}
	if states["ready"] != 1 || states["spare"] != 1 || len(workers.Workers) != 2 {
		t.Errorf("states: %v", states)
	}
	r.write(t, "greeter", "def greet(): return 'good evening'\n")
	call(t, control, "mochi.reload", map[string]any{"wait": true, "code": true})
	if got := call(t, host, "greeter.greet", nil); got != `"good evening"` {
		t.Errorf("answered %s after a reload", got)
	}
}
