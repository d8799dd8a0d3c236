package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/rpc"
)

// startFile serves a configuration that is a file.
func startFile(t *testing.T, toml string, modules map[string]string, before ...func(dir string)) *running {
	t.Helper()
	dir, err := os.MkdirTemp("", "mochi-daemon-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &running{dir: dir, host: filepath.Join(dir, "rpc.sock"), control: filepath.Join(dir, "ctl.sock"), ended: make(chan error, 1)}
	for name, source := range modules {
		r.write(t, name, source)
	}
	for _, do := range before {
		do(dir)
	}
	r.say(t, toml)
	c, err := config.Load(r.file())
	if err != nil {
		t.Fatal(err)
	}
	r.serve(t, c)
	return r
}

func (r *running) file() string { return filepath.Join(r.dir, "mochi.toml") }

// say replaces the configuration's file; all pools find the test's modules.
func (r *running) say(t *testing.T, toml string) {
	t.Helper()
	if !strings.Contains(toml, "[pool-defaults]") {
		toml = "[pool-defaults]\npython-path = [\"lib\"]\nworkers = 1\n" + toml
	}
	if err := os.WriteFile(r.file(), []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pids are the processes of a pool.
func (r *running) pids(t *testing.T, pool string) []int {
	t.Helper()
	var w Workers
	if err := dial(t, r.control).Call(t.Context(), "mochi.workers", object{"pool": pool}, &w); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, one := range w.Workers {
		if one.State == "ready" {
			pids = append(pids, one.PID)
		}
	}
	slices.Sort(pids)
	return pids
}

// reread reloads the configuration and waits for it.
func (r *running) reread(t *testing.T) Reconfigured {
	t.Helper()
	var out Reconfigured
	if err := dial(t, r.control).Call(t.Context(), "mochi.reload", object{"wait": true}, &out); err != nil {
		t.Fatalf("reload: %v", err)
	}
	return out
}

func (r *running) state(t *testing.T) DaemonStatus {
	t.Helper()
	var s Status
	if err := dial(t, r.control).Call(t.Context(), "mochi.status", nil, &s); err != nil {
		t.Fatal(err)
	}
	return s.Daemon
}

var two = map[string]string{
	"img": "import os\ndef where(): return 'img'\ndef env(): return os.environ.get('WHO')\n",
	"pdf": "def where(): return 'pdf'\n",
	"new": "def where(): return 'new'\n",
	"bad": "raise RuntimeError('not today')\n",
}

// TestAReloadTouchesOnlyWhatChanged: one pool grows and goes on living, one is
// given another module, and one keeps its process.
func TestAReloadTouchesOnlyWhatChanged(t *testing.T) {
	r := startFile(t, "[pools.img]\n[pools.pdf]\n[pools.big]\nmodule = \"pdf\"\n", two)
	c := dial(t, r.host)
	img, pdf, big := r.pids(t, "img"), r.pids(t, "pdf"), r.pids(t, "big")
	if out := r.reread(t); !out.Plan.Empty() || out.Text != "big, img, pdf unchanged" {
		t.Errorf("nothing was changed, and the plan is %q", out.Text)
	}
	r.say(t, "[pools.img]\nmodule = \"new\"\n[pools.pdf]\n[pools.big]\nmodule = \"pdf\"\nworkers = 3\ncall-timeout = \"5s\"\n")
	out := r.reread(t)
	if want := "big: workers 1→3 live, call-timeout 1m→5s live; img: module changed → rolling; pdf unchanged"; out.Text != want {
		t.Errorf("the plan is %q, want %q", out.Text, want)
	}
	if out.Reloaded != 1 {
		t.Errorf("%d workers were replaced, want 1", out.Reloaded)
	}
	if got := call(t, c, "img.where", nil); got != `"new"` {
		t.Errorf("img.where = %s", got)
	}
	if now := r.pids(t, "img"); slices.Equal(now, img) {
		t.Error("img runs in the process it had")
	}
	if now := r.pids(t, "pdf"); !slices.Equal(now, pdf) {
		t.Errorf("pdf had %v and has %v", pdf, now)
	}
	wait(t, "big has three workers", func() bool { return len(r.pids(t, "big")) == 3 })
	if now := r.pids(t, "big"); !slices.Contains(now, big[0]) {
		t.Errorf("big had %v and has %v", big, now)
	}
	if s := r.state(t); s.ConfigDiffers || len(s.ConfigPending) > 0 || !s.ConfigLastReloadSuccessful {
		t.Errorf("after it: %+v", s)
	}
}

// TestAWrongFileChangesNothing and is told as check tells it.
func TestAWrongFileChangesNothing(t *testing.T) {
	r := startFile(t, "[pools.img]\n", two)
	before := r.pids(t, "img")
	r.say(t, "[pools.img]\nmodule = \"new\"\nwrokers = 2\n[pools.pdf]\n")
	refused(t, dial(t, r.control), rpc.KindInvalidParams,
		r.file()+":6:1: unknown key \"wrokers\" (did you mean \"workers\"?)\n    wrokers = 2\n    ^^^^^^^", "mochi.reload", object{"wait": true})
	if now := r.pids(t, "img"); !slices.Equal(now, before) {
		t.Errorf("img had %v and has %v", before, now)
	}
	s := r.state(t)
	if !s.ConfigDiffers || s.ConfigLastReloadSuccessful {
		t.Errorf("after it: %+v", s)
	}
	r.say(t, "[pools.img]\n")
	r.reread(t)
	if s := r.state(t); s.ConfigDiffers || !s.ConfigLastReloadSuccessful {
		t.Errorf("once it is mended: %+v", s)
	}
}

// TestAFileThatCanBeReadOnlyOnceIsNotReloaded: a pipe, as in --config <(generate),
// is empty the second time, or makes whoever opens it wait, also at the end.
func TestAFileThatCanBeReadOnlyOnceIsNotReloaded(t *testing.T) {
	r := startFile(t, "[pools.img]\n", two)
	if err := os.Remove(r.file()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(r.file(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := dial(t, r.control).Call(ctx, "mochi.reload", object{"wait": true}, nil)
	if kindOf(err) != rpc.KindInvalidParams || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a reload: %v", err)
	}
	if err := dial(t, r.control).Call(ctx, "mochi.status", nil, nil); err != nil {
		t.Errorf("status: %v", err)
	}
	if got := call(t, dial(t, r.host), "img.where", nil); got != `"img"` {
		t.Errorf("img.where = %s", got)
	}
	if t.Failed() { // whoever waits would keep the daemon
		w, err := os.OpenFile(r.file(), os.O_WRONLY, 0)
		if err == nil {
			_ = w.Close()
		}
	}
}

// TestAPoolWhoseNewSettingsDoNotStartKeepsTheOldOnes, and the others have theirs.
func TestAPoolWhoseNewSettingsDoNotStartKeepsTheOldOnes(t *testing.T) {
	r := startFile(t, "[pools.img]\n[pools.pdf]\n", two)
	before := r.pids(t, "img")
	r.say(t, "[pools.img]\nmodule = \"bad\"\nmax-queue = 7\n[pools.pdf]\nmodule = \"new\"\n")
	refused(t, dial(t, r.control), rpc.KindImportFailed, "pool img: importing bad failed: RuntimeError: not today", "mochi.reload", object{"wait": true})
	c := dial(t, r.host)
	if got := call(t, c, "img.where", nil) + call(t, c, "pdf.where", nil); got != `"img""new"` {
		t.Errorf("the two answer %s", got)
	}
	if now := r.pids(t, "img"); !slices.Equal(now, before) {
		t.Errorf("img had %v and has %v", before, now)
	}
	if s := r.state(t); !slices.Equal(s.ConfigPending, []string{"img"}) || s.ConfigLastReloadSuccessful {
		t.Errorf("after it: %+v", s)
	}
	var diff Difference
	if err := dial(t, r.control).Call(t.Context(), "mochi.config", object{"diff": true}, &diff); err != nil {
		t.Fatal(err)
	}
	if want := "img: max-queue 1024→7 live, module changed → rolling"; diff.Text != want {
		t.Errorf("config diff says %q, want %q", diff.Text, want)
	}
}

// TestPoolsComeAndGo: a new one starts, one that is gone answers what it was
// given and no call more, and an alias moves.
func TestPoolsComeAndGo(t *testing.T) {
	r := startFile(t, "[pools.img]\nalias = \"i\"\n[pools.pdf]\n", two)
	c := dial(t, r.host)
	r.say(t, "[pools.img]\n[pools.i]\nmodule = \"new\"\nalias = \"n\"\n")
	if out := r.reread(t); out.Text != "i added → starts; img: alias changed → live; pdf removed → drains" {
		t.Errorf("the plan is %q", out.Text)
	}
	if got := call(t, c, "i.where", nil) + call(t, c, "n.where", nil) + call(t, c, "img.where", nil); got != `"new""new""img"` {
		t.Errorf("they answer %s", got)
	}
	refused(t, c, rpc.KindPermissionDenied, "may not be imported", "pdf.where", nil)
	wait(t, "pdf is gone", func() bool { return r.pools.named("pdf") == nil })
}

// TestNoCallIsLostWhileTheConfigurationIsReloaded: pools roll and are replaced
// under load, and nobody hears of it.
func TestNoCallIsLostWhileTheConfigurationIsReloaded(t *testing.T) {
	r := startFile(t, "[pools.img]\nworkers = 2\n", two)
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 4 {
		c := dial(t, r.host)
		callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					t.Logf("%d calls", n)
					return
				default:
				}
				var got string
				if err := c.Call(t.Context(), "img.where", nil, &got); err != nil || got != "img" {
					t.Errorf("call %d: %q, %v", n, got, err)
					return
				}
			}
		})
	}
	for i, more := range []string{"env = { WHO = \"a\" }", "preload = true", "preload = true\nenv = { WHO = \"b\" }", "depth = 2\nconcurrency = 3", "preload = false\nworkers = 1", "workers = 3\nspare = 1\nmax-age = \"1h\"", "depth = 64"} {
		if !strings.Contains(more, "workers") {
			more = "workers = 2\n" + more
		}
		r.say(t, "[pools.img]\n"+more+"\n")
		if out := r.reread(t); out.Plan.Empty() {
			t.Errorf("change %d: the plan is empty", i)
		}
	}
	close(stop)
	callers.Wait()
}

// TestTheDaemonsOwnKeysAreLive, but for those that say where and how it is
// reached, which are kept and named.
func TestTheDaemonsOwnKeysAreLive(t *testing.T) {
	r := startFile(t, "[daemon]\nmax-batch = 2\n[pools.img]\n", two)
	before := r.pids(t, "img")
	c := dial(t, r.host)
	refused(t, c, rpc.KindPermissionDenied, "import-policy is declared", "pdf.where", nil)
	r.say(t, "[daemon]\nimport-policy = \"any\"\nlog-rate = 7\nmax-connections = 6\nlog-level = \"warn\"\nmax-message = \"1MiB\"\n[pools.img]\n")
	out := r.reread(t)
	for _, want := range []string{"import-policy declared→any live", "max-batch 2→1024 live", "max-message changed → at the next restart of the daemon", "img unchanged"} {
		if !strings.Contains(out.Text, want) {
			t.Errorf("the plan is %q, and does not say %q", out.Text, want)
		}
	}
	if got := call(t, c, "pdf.where", nil); got != `"pdf"` {
		t.Errorf("pdf.where = %s", got)
	}
	if now := r.pids(t, "img"); !slices.Equal(now, before) {
		t.Errorf("img had %v and has %v", before, now)
	}
	if s := r.state(t); !slices.Equal(s.ConfigPending, []string{"max-message"}) || !s.ConfigLastReloadSuccessful {
		t.Errorf("after it: %+v", s)
	}
	if d := r.settings(); d.MaxMessage != 16<<20 || d.MaxConnections != 6 {
		t.Errorf("in force: max-message %s, max-connections %d", d.MaxMessage, d.MaxConnections)
	}
	// What hosts imported and may not any more goes.
	r.say(t, "[daemon]\nmax-message = \"1MiB\"\n[pools.img]\n")
	if out := r.reread(t); !strings.Contains(out.Text, "pdf removed → drains") {
		t.Errorf("the plan is %q", out.Text)
	}
	refused(t, c, rpc.KindPermissionDenied, "import-policy is declared", "pdf.where", nil)
}

// TestEverySettingSaysWhereItWasSaid: mochi.config names file and line.
func TestEverySettingSaysWhereItWasSaid(t *testing.T) {
	r := startFile(t, "[pools.img]\nmax-queue = 9\n", two)
	var c Configuration
	if err := json.Unmarshal([]byte(call(t, dial(t, r.control), "mochi.config", object{"pool": "img"})), &c); err != nil {
		t.Fatal(err)
	}
	origins := map[string]string{}
	for _, s := range c.Settings {
		origins[s.Key] = s.Text + " " + s.Origin
	}
	for key, want := range map[string]string{
		"max-queue": fmt.Sprintf("9 %s:5", r.file()), "workers": fmt.Sprintf("1 %s:3", r.file()), "depth": "32 default",
	} {
		if origins[key] != want {
			t.Errorf("%s is %q, want %q", key, origins[key], want)
		}
	}
	refused(t, dial(t, r.control), rpc.KindInvalidParams, "there is no pool", "mochi.config", object{"pool": "nosuch"})
	refused(t, dial(t, r.control), rpc.KindInvalidParams, "names is empty", "mochi.reload", object{"pool": list{""}})
}

// TestNothingOfAFileWithAMistakeIsTaken, whatever mistake it is: what stands before
// it and after it is as little in force as the mistake.
func TestNothingOfAFileWithAMistakeIsTaken(t *testing.T) {
	const good = "[pool-defaults]\npython-path = [\"lib\"]\nworkers = 1\n[daemon]\nmax-batch = 5\n[pools.img]\n"
	r := startFile(t, good, two)
	before, settings := r.pids(t, "img"), *r.settings()
	for what, test := range map[string]struct{ doc, says string }{
		"syntax":              {"max-queue = \n", ":9:"},
		"wrong type":          {"max-queue = \"9\"\n", ":9:13: max-queue wants a whole number"},
		"no unit":             {"call-timeout = 9\n", ":9:16: call-timeout wants a string"},
		"out of bounds":       {"workers = 5000\n", ":9:11: workers must be between"},
		"unknown key":         {"max-queu = 9\n", ":9:1: unknown key \"max-queu\" (did you mean \"max-queue\"?)"},
		"twice":               {"depth = 2\ndepth = 3\n", ":10:"},
		"contradiction":       {"backoff-min = \"1m\"\n", ":9:1: backoff-max (30s) is below backoff-min"},
		"too many pools":      {"[daemon.x]\n", ":9:9: unknown key \"x\""},
		"a name that is ours": {"[pools.mochi]\n", ":9:8: \"mochi\" cannot name a pool"},
		"an alias taken":      {"[pools.pdf]\nalias = \"img\"\n", ":10:1: alias \"img\" is taken by pool \"img\""},
		"a method twice":      {"methods = [\"env\", \"env\"]\n", ":9:19: methods holds \"env\" twice"},
	} {
		r.say(t, strings.Replace(good, "max-batch = 5", "max-batch = 6\nmax-pools = 3", 1)+"max-age = \"1h\"\n"+test.doc+"[pools.new]\n")
		for _, params := range []object{{"wait": true}, {}} {
			refused(t, dial(t, r.control), rpc.KindInvalidParams, r.file()+test.says, "mochi.reload", params)
		}
		if now := r.pids(t, "img"); !slices.Equal(now, before) {
			t.Errorf("%s: img had %v and has %v", what, before, now)
		}
		if r.pools.named("new") != nil || r.pools.named("img").settings().MaxAge != 0 || r.settings().MaxBatch != settings.MaxBatch || r.limits().MaxBatch != 5 {
			t.Errorf("%s: something of the file is in force", what)
		}
		if s := r.state(t); !s.ConfigDiffers || s.ConfigLastReloadSuccessful {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if err := os.Remove(r.file()); err != nil {
		t.Fatal(err)
	}
	refused(t, dial(t, r.control), rpc.KindInvalidParams, "cannot be read: no such file", "mochi.reload", object{})
	if now := r.pids(t, "img"); !slices.Equal(now, before) {
		t.Errorf("without the file: img had %v and has %v", before, now)
	}
}
