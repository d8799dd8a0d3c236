package acceptance

import (
	"slices"
	"strings"
	"testing"
)

const restarts = 5

// TestOverARestartCallersWaitAndNobodyIsRefused: hosts and operators that
// connect for each call notice nothing but the time. Hosts that keep a
// connection and send without waiting get, for each request they could write, a
// result or shutting_down before the connection ends; then they connect again.
func TestOverARestartCallersWaitAndNobodyIsRefused(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	cached := func() []string {
		return strings.Split(g.must(t, "find", "/run/mochi-pyd/daemon", "-name", "*.pyc", "-printf", "%i %p\n"), "\n")
	}
	before := cached()
	hosts, operator, kept := callsAt(g.host, 3, "naps.nap", ""), callsAt(g.control, 1, "mochi.status", ""), g.keep(3)
	pids := map[int]bool{}
	for range restarts {
		pids[g.mainPID(t)] = true
		g.must(t, "systemctl", "restart", "mochi-pyd.service")
	}
	pids[g.mainPID(t)] = true
	hosts.end(t)
	operator.end(t)
	kept.end(t, 2) // one may wait over more than one restart
	if len(pids) != restarts+1 {
		t.Errorf("%d restarts, and the main processes were %v", restarts, pids)
	}
	// RuntimeDirectoryPreserve=restart: the same files, not others of that name.
	after := cached()
	for _, file := range before {
		if file == "" || !slices.Contains(after, file) {
			t.Errorf("over the restarts the cached bytecode %q is gone", file)
		}
	}
}
