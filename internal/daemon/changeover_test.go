package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// ending lets the daemon end, which must not take longer than limit.
func (r *running) ending(t *testing.T, limit time.Duration) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		r.ended <- err
	case <-time.After(limit):
		r.Force()
		t.Errorf("the daemon has not ended within %s", limit)
	}
}

// TestADrainWaitsForPoolsThatAReloadHasRemoved: what they run is answered within
// their graceful-timeout, though no route leads to them any more.
func TestADrainWaitsForPoolsThatAReloadHasRemoved(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	r := startFile(t, "[pools.pdf]\n[pools.slow]\n", map[string]string{
		"pdf":  two["pdf"],
		"slow": fmt.Sprintf("import time\ndef nap(s):\n    open(%q, 'w').close()\n    time.sleep(s)\n    return s\n", started),
	})
	c := dial(t, r.host)
	answer := make(chan error, 1)
	go func() {
		answer <- c.Call(t.Context(), "slow.nap", []float64{(goodbye + 2*time.Second).Seconds()}, nil)
	}()
	wait(t, "it runs", func() bool { _, err := os.Stat(started); return err == nil })
	r.say(t, "[pools.pdf]\n")
	r.reread(t)
	r.stop()
	if err := <-answer; err != nil {
		t.Errorf("a call that the removed pool was running: %v", err)
	}
}

// TestADrainEndsAReloadThatWaitsForAnImport: a pool that is added, one that rolls
// and one that is replaced by another are all waited for by who reloads, and the
// end of the daemon waits for none of them.
func TestADrainEndsAReloadThatWaitsForAnImport(t *testing.T) {
	for name, change := range map[string]string{
		"added":    "[pools.img]\n[pools.hung]\n",
		"rolls":    "[pools.img]\nmodule = \"hung\"\n",
		"replaced": "[pools.img]\nmodule = \"hung\"\npreload = true\n",
	} {
		t.Run(name, func(t *testing.T) {
			hangs := filepath.Join(t.TempDir(), "hangs")
			r := startFile(t, "[pools.img]\n", map[string]string{
				"img":  two["img"],
				"hung": fmt.Sprintf("import time\nopen(%q, 'w').close()\ntime.sleep(600)\n", hangs),
			})
			r.say(t, "[pool-defaults]\npython-path = [\"lib\"]\nworkers = 1\nstart-timeout = \"5m\"\n"+change)
			c := dial(t, r.control)
			answer := make(chan error, 1)
			go func() { answer <- c.Call(t.Context(), "mochi.reload", object{"wait": true}, nil) }()
			wait(t, "the import hangs", func() bool { _, err := os.Stat(hangs); return err == nil })
			r.ending(t, 15*time.Second)
			if err := <-answer; kindOf(err) != rpc.KindShuttingDown {
				t.Errorf("who reloaded is told %v", err)
			}
		})
	}
}

// TestASignalBeforeThePoolsAreThereOpensNoneTwice.
func TestASignalBeforeThePoolsAreThereOpensNoneTwice(t *testing.T) {
	r := startFile(t, "[pools.img]\n[pools.pdf]\n", two)
	c := r.config()
	r.stop()
	again := &running{dir: r.dir, host: r.host + "2", control: r.control + "2", ended: make(chan error, 1)}
	again.first = func(d *Daemon) {
		d.Reread()
		wait(t, "the reload has begun", func() bool {
			if d.rereading.TryLock() {
				d.rereading.Unlock()
				return false
			}
			return true
		})
	}
	again.serve(t, c)
	wait(t, "the reload is over", again.rereading.TryLock)
	again.rereading.Unlock()
	if n := len(again.pools.now.Load().all); n != 2 {
		t.Errorf("there are %d pools", n)
	}
}

// TestSignalsToReloadDoNotPileUp: one that waits reads what the next would.
func TestSignalsToReloadDoNotPileUp(t *testing.T) {
	r := startFile(t, "[pools.img]\n", map[string]string{"img": two["img"], "hung": "import time\ntime.sleep(600)\n"})
	r.say(t, "[pools.img]\nmodule = \"hung\"\nstart-timeout = \"300ms\"\n")
	for range 20 {
		r.Reread()
	}
	reloads := func() (n int) {
		for _, e := range r.memory.events.all() {
			if e.Event == "config_reload" {
				n++
			}
		}
		return n
	}
	wait(t, "one has failed", func() bool { return reloads() > 0 })
	_, _ = r.Reconfigure(t.Context(), nil) // behind all of them
	if n := reloads(); n > 3 {
		t.Errorf("the configuration was read %d times", n)
	}
}

// TestAPoolKeepsWhatItsOperatorSaidWhenItIsReplaced: neither a pause nor a number
// of workers ends because some other key was changed in the file.
func TestAPoolKeepsWhatItsOperatorSaidWhenItIsReplaced(t *testing.T) {
	r := startFile(t, "[pools.img]\n", two)
	c := dial(t, r.control)
	call(t, c, "mochi.scale", object{"pool": "img", "workers": 2})
	call(t, c, "mochi.pause", object{"pool": "img"})
	r.say(t, "[pools.img]\npreload = true\n")
	r.reread(t)
	host := dial(t, r.host)
	refused(t, host, rpc.KindPoolUnavailable, "paused by its operator", "img.where", nil)
	call(t, c, "mochi.resume", object{"pool": "img"})
	if got := call(t, host, "img.where", nil); got != `"img"` {
		t.Errorf("img.where = %s", got)
	}
	wait(t, "it has the two workers that it was told to have", func() bool { return len(r.pids(t, "img")) == 2 })
	r.say(t, "[pools.img]\nworkers = 3\npreload = false\n")
	r.reread(t) // the file says how many, now
	wait(t, "it has three", func() bool { return len(r.pids(t, "img")) == 3 })
}

// TestAPoolThatIsDeclaredTakesThePlaceOfTheImportedOne: there is one pool of a
// name, in status and in a scrape.
func TestAPoolThatIsDeclaredTakesThePlaceOfTheImportedOne(t *testing.T) {
	daemon := "[daemon]\nimport-policy = \"any\"\nmetrics = \"unix:metrics.sock\"\n"
	r := startFile(t, daemon, two)
	c := dial(t, r.host)
	if got := call(t, c, "img.where", nil); got != `"img"` {
		t.Fatalf("img.where = %s", got)
	}
	r.say(t, daemon+"[pools.img]\nmodule = \"new\"\n")
	if out := r.reread(t); strings.Count(out.Text, "img") != 1 {
		t.Errorf("the plan is %q", out.Text)
	}
	if got := call(t, c, "img.where", nil); got != `"new"` {
		t.Errorf("img.where = %s", got)
	}
	var s Status
	if err := dial(t, r.control).Call(t.Context(), "mochi.status", nil, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Pools) != 1 {
		t.Errorf("%d pools are img: %+v", len(s.Pools), s.Pools)
	}
	if n := r.scrape(t).sum("mochipyd_pool_workers_desired"); n != 1 {
		t.Errorf("a scrape sees %v workers", n)
	}
}

// TestAPoolThatIsForgottenDuringAReloadIsNoFailureOfIt: nobody uses it, and it
// has no settings that could be wrong.
func TestAPoolThatIsForgottenDuringAReloadIsNoFailureOfIt(t *testing.T) {
	marks := t.TempDir()
	defaults := "[daemon]\nimport-policy = \"any\"\n[pool-defaults]\npython-path = [\"lib\"]\nworkers = 1\nidle-timeout = \"1s\"\n"
	r := startFile(t, defaults, map[string]string{"lazy": fmt.Sprintf(
		"import os, time\nif 'WHO' in os.environ:\n    open(%q, 'w').close()\n    time.sleep(60)\ndef f(): return 1\n", filepath.Join(marks, "importing"))})
	call(t, dial(t, r.host), "lazy.f", nil)
	r.say(t, defaults+"env = { WHO = \"new\" }\n")
	if out := r.reread(t); !strings.Contains(out.Text, "lazy: ") {
		t.Errorf("the plan is %q", out.Text)
	}
	if _, err := os.Stat(filepath.Join(marks, "importing")); err != nil {
		t.Errorf("the pool was not rolling: %v", err)
	}
	if s := r.state(t); !s.ConfigLastReloadSuccessful || len(s.ConfigPending) > 0 {
		t.Errorf("after it: %+v", s)
	}
}
