package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	serviceGroup  = "/system.slice/mochi-pyd.service"
	serviceMemory = 256 << 20
)

// TestAWorkerOutOfMemoryDoesNotStopTheService: it costs that worker, and the
// daemon replaces it. Where the rig's systemd has the memory controller it sets
// the limit, and hears of the death; where the machine keeps that controller in
// the old hierarchy, the limit comes from there, and systemd hears of nothing.
func TestAWorkerOutOfMemoryDoesNotStopTheService(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(fixtures, "glutton.py"))
	if err != nil {
		t.Fatal(err)
	}
	g := machine(t, "[pools.glutton]\nmodule = \"glutton\"\nworkers = 1\n"+napPool, map[string]string{"glutton": string(source), "naps": naps}, nil)
	hears := strings.Contains(g.must(t, "cat", "/sys/fs/cgroup/cgroup.controllers"), "memory")
	if hears {
		g.dropIn(t, "memory", fmt.Sprintf("[Service]\nMemoryMax=%d\nMemorySwapMax=0", serviceMemory))
	}
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	if !hears {
		old := groupWith(t, "memory")
		t.Cleanup(func() { _, _ = g.run("systemctl", "kill", "-s", "KILL", "mochi-pyd.service", "mochi-pyd.socket") }) // a group goes when it is empty
		old.set(t, "memory.limit_in_bytes", "memory.max", serviceMemory)
		for _, pid := range g.outside(t) {
			if err := os.WriteFile(filepath.Join(old.dir, "cgroup.procs"), []byte(pid), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	pid := g.mainPID(t)
	beside, err := g.once("naps.nap", "")
	if err != nil || beside.Error != nil {
		t.Fatalf("a call: %v %+v", err, beside.Error)
	}
	a, err := g.once("glutton.eats", "")
	if err != nil || a.Error.Kind() != "worker_lost" || a.Error.Data["signal"] != "SIGKILL" {
		t.Fatalf("a call that eats all memory was answered %v %s %+v, want worker_lost by SIGKILL", err, a.Result, a.Error)
	}
	if hears && a.Error.Data["oom"] != true {
		t.Errorf("the death is told as %v", a.Error.Data)
	}
	if a, err := g.once("glutton.pid", ""); err != nil || a.Error != nil {
		t.Errorf("the next call: %v %+v", err, a.Error)
	}
	if again, state, policy := g.show("NRestarts"), g.show("ActiveState"), g.show("OOMPolicy"); again != "0" || state != "active" || policy != "continue" || g.mainPID(t) != pid {
		t.Errorf("the service was started again %s times and is %s, with the policy %s", again, state, policy)
	}
}

// outside are the service's processes, as this machine counts.
func (g *guest) outside(t *testing.T) (pids []string) {
	t.Helper()
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Readlink(filepath.Join("/proc", g.pid, "ns/pid"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range groups {
		process := filepath.Dir(file)
		if its, err := os.Readlink(filepath.Join(process, "ns/pid")); err != nil || its != own {
			continue
		}
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), serviceGroup+"\n") {
			pids = append(pids, filepath.Base(process))
		}
	}
	if len(pids) == 0 {
		t.Fatal("the service has no process")
	}
	return pids
}

// TestALimitIsClaimedOnlyOfARealControlGroup: where /sys/fs/cgroup is but a
// directory in memory, as on machines of the old hierarchy, a limit that is
// written there limits nothing, and doctor says so.
func TestALimitIsClaimedOnlyOfARealControlGroup(t *testing.T) {
	needsRoot(t)
	bin, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	install(t, tree, bin)
	g := boot(t, tree)
	const line = "mochi-pyd doctor --user root | grep -A 1 ' cgroups '"
	if said := g.must(t, "sh", "-c", line); !strings.HasPrefix(said, "ok    cgroups         v2") {
		t.Errorf("of a real one: %q", said)
	}
	plain := "mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/init.scope && echo 1 >/sys/fs/cgroup/init.scope/memory.max && " + line
	if said := g.must(t, "unshare", "--mount", "sh", "-c", plain); !strings.HasPrefix(said, "warn  cgroups         no cgroup v2 at /sys/fs/cgroup: limits written there would land in a file system that ignores them") {
		t.Errorf("of a directory: %q", said)
	}
}
