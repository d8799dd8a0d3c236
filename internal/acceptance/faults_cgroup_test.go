package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// The tests of this file run a daemon of their own in a control group of its
// own, below the tests', with a limit of the kernel's: what no process can be
// talked out of, not even root's. Where no such group can be made they say so.

// controlGroup is a directory of the kernel's.
type controlGroup struct {
	dir string
	v2  bool
}

// groupWith makes a group that a controller ("memory", "pids") looks after. It
// skips the test, with the reason, where it cannot.
func groupWith(t *testing.T, controller string) controlGroup {
	t.Helper()
	const root = "/sys/fs/cgroup"
	membership, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skipf("no control groups here: %v", err)
	}
	g := controlGroup{}
	for line := range strings.Lines(string(membership)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(f) != 3:
		case strings.Contains(","+f[1]+",", ","+controller+","):
			g = controlGroup{dir: filepath.Join(root, controller, f[2])}
		case f[1] == "" && g.dir == "":
			g = controlGroup{dir: filepath.Join(root, f[2]), v2: true}
		}
	}
	if g.v2 { // the kernel refuses where the group has processes, as the tests' own has as a rule
		if err := os.WriteFile(filepath.Join(g.dir, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
			t.Skipf("the controller %s cannot be had below %s (%v): run the tests as root, and in a group that delegates it", controller, g.dir, err)
		}
	}
	dir, err := os.MkdirTemp(g.dir, "mochi-pyd-test-")
	if err != nil {
		t.Skipf("no group of %s can be made (%v): run the tests as root", controller, err)
	}
	g.dir = dir
	t.Cleanup(func() { // after the daemon, which was started later, and only an empty one goes
		if !rig.Until(gentle, func() bool { return os.Remove(dir) == nil }) {
			t.Errorf("the control group %s cannot be removed", dir)
		}
	})
	if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
		t.Skipf("%s is a directory and no control group: %v", dir, err)
	}
	return g
}

// set writes a limit, by its name in version 1 or in version 2.
func (g controlGroup) set(t *testing.T, v1, v2 string, limit int64) {
	t.Helper()
	name := v1
	if g.v2 {
		name = v2
	}
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(strconv.FormatInt(limit, 10)), 0); err != nil {
		t.Skipf("the limit %s cannot be set: %v", name, err)
	}
}

// program runs the daemon, and so all that it starts, in the group.
func (g controlGroup) program(t *testing.T) string {
	t.Helper()
	return wrapper(t, fmt.Sprintf("echo $$ > '%s'\nexec '%s' \"$@\"", filepath.Join(g.dir, "cgroup.procs"), binary))
}

// TestAWorkerThatTheKernelKillsForItsMemoryIsToldAsOOM is row F2's last death:
// the kernel's own killer, and not max-memory-hard, which the pool has none of.
func TestAWorkerThatTheKernelKillsForItsMemoryIsToldAsOOM(t *testing.T) {
	limit := int64(256 << 20)
	if raceEnabled {
		limit *= 2 // the race detector keeps a shadow of the daemon's memory
	}
	g := groupWith(t, "memory")
	g.set(t, "memory.limit_in_bytes", "memory.max", limit)
	d := serve(t, rig.Options{Binary: g.program(t), Config: "[daemon]\nimport-policy = \"any\"\n[pool-defaults]\nworkers = 1\n"})
	h := dial(t, d)
	before, beside := call(t, h, "glutton.pid", ""), call(t, h, "both.pid", "")
	for range 2 { // each death is counted once
		send(t, h, rig.Request(1, "glutton.eats", ""), rig.Request(2, "glutton.pid", ""))
		got := answers(t, h, 1, 2)
		lost := got[1].Error
		if lost.Kind() != "worker_lost" || lost.Data["oom"] != true || lost.Data["started"] != true || lost.Data["reason"] != "oom" || lost.Data["signal"] != "SIGKILL" {
			t.Fatalf("answered %s %+v, want worker_lost with oom, started and SIGKILL", got[1].Result, lost)
		}
		if !strings.Contains(lost.Message, "killed by the kernel for using too much memory") {
			t.Errorf("the error says %q", lost.Message)
		}
		if after := string(got[2].Result); after == "" || after == before {
			t.Errorf("the call behind was answered %s %+v by worker %s", after, got[2].Error, before)
		} else {
			before = after
		}
	}
	// A SIGKILL of somebody else's is no OOM, whatever went before it.
	if e := refused(t, h, "worker_lost", "deadly.is_killed", ""); e.Data["oom"] != false || e.Data["reason"] != "signal" {
		t.Errorf("a worker killed by hand is told as %v", e.Data)
	}
	if got := call(t, h, "both.pid", ""); got != beside {
		t.Errorf("the worker beside it was %s and is %s", beside, got)
	}
	told := d.Log.Await(2, func(r rig.Record) bool { return r.Text("event") == "worker_exited" && r.Text("reason") == "oom" })
	if len(told) != 2 {
		t.Errorf("the log tells of %d deaths by OOM, want 2", len(told))
	}
}

// TestADaemonOutOfProcessesServesOnAndHeals is row F16's EAGAIN: a new worker is
// refused with what to raise, those that are there serve, and when there is
// room the refused one starts.
func TestADaemonOutOfProcessesServesOnAndHeals(t *testing.T) {
	const plenty = 1000
	g := groupWith(t, "pids")
	g.set(t, "pids.max", "pids.max", plenty)
	d := serve(t, rig.Options{Binary: g.program(t), Config: "[daemon]\nimport-policy = \"any\"\nforget-after = \"1s\"\n[pool-defaults]\nworkers = 1\n"})
	h := dial(t, d)
	call(t, h, "both.add", "[1,1]")
	text, err := os.ReadFile(filepath.Join(g.dir, "pids.current"))
	if err != nil {
		t.Fatal(err)
	}
	now, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	g.set(t, "pids.max", "pids.max", now)
	e := refused(t, h, "pool_unavailable", "zoo.add", "[3,4]")
	if e.Data["stage"] != "exec" || !strings.Contains(e.Message, "resource temporarily unavailable") || !strings.Contains(fmt.Sprint(e.Data["hint"]), "out of processes") {
		t.Errorf("a module that needs a new process was answered %s %v", e.Message, e.Data)
	}
	if got := call(t, h, "both.add", "[3,4]"); got != "7" {
		t.Errorf("out of processes, a pool that has its worker answered %s", got)
	}
	g.set(t, "pids.max", "pids.max", plenty)
	heals(t, h, "zoo.add", "[3,4]", "7")
}
