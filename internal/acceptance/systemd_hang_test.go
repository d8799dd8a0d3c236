package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestADaemonThatHangsIsEndedByTheWatchdog and started again; one that is busy
// is not. What hangs is one pool's lock: all else of the daemon is well, its
// timers too, and a watchdog fed by one of them would see nothing.
func TestADaemonThatHangsIsEndedByTheWatchdog(t *testing.T) {
	const watchdog = 2 * time.Second
	g := machine(t, napPool, napping, map[string]string{"mochi-pyd.service.d/watch.conf": fmt.Sprintf("[Service]\nWatchdogSec=%d\nRestartSec=100ms\n", watchdog/time.Second)})
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	// The same daemon, with a signal for the one thing that a user cannot do; that
	// it is built meanwhile makes the machine busy, too.
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join("/proc", g.pid, "root/usr/bin/deadlock"), "./testdata/deadlock")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	built := make(chan error, 1)
	go func() {
		out, err := build.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		built <- err
	}()
	busy := callsAt(g.host, 4, "naps.nap", "[0.3]")
	if rig.Until(watchdog+watchdog/2, func() bool { return g.show("NRestarts") != "0" }) {
		t.Error("a daemon that is busy was ended")
	}
	busy.end(t)
	if err := <-built; err != nil {
		t.Fatal(err)
	}
	g.dropIn(t, "deadlock", "[Service]\nExecStart=\nExecStart=/usr/bin/deadlock /etc/mochi-pyd/config.toml")
	g.must(t, "systemctl", "restart", "mochi-pyd.service")
	pid, before := g.mainPID(t), g.processes()
	g.must(t, "kill", "-USR1", fmt.Sprint(pid))
	g.awaits(t, "NRestarts", guestLimit, "1")
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call after the watchdog: %v %+v", err, a.Error)
	}
	g.awaits(t, "ActiveState", guestLimit, "active")
	g.noneIsLeft(t, before)
	said := g.journal()
	for _, want := range []string{"the daemon does not answer itself", "Watchdog timeout", "goroutine "} {
		if !strings.Contains(said, want) {
			t.Errorf("the journal has no %q:\n%s", want, said)
		}
	}
}

// noneIsLeft looks for processes of a daemon that is gone.
func (g *guest) noneIsLeft(t *testing.T, processes string) {
	t.Helper()
	if len(strings.Fields(processes)) < 3 {
		t.Fatalf("the service had the processes %q, want a daemon and two workers", processes)
	}
	for _, old := range strings.Fields(processes) {
		if _, err := g.run("kill", "-0", old); err == nil {
			t.Errorf("process %s of the first daemon is left", old)
		}
	}
}

// TestAfterKillNineThereAreNoLeftoversAndItStartsAgain.
func TestAfterKillNineThereAreNoLeftoversAndItStartsAgain(t *testing.T) {
	g := machine(t, napPool, napping, map[string]string{"mochi-pyd.service.d/quick.conf": "[Service]\nRestartSec=100ms\n"})
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	pid, before := g.mainPID(t), g.processes()
	g.must(t, "kill", "-KILL", fmt.Sprint(pid))
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call after the kill: %v %+v", err, a.Error)
	}
	g.awaits(t, "ActiveState", guestLimit, "active")
	g.noneIsLeft(t, before)
}
