package acceptance

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// naps is a module whose calls take as long as they are asked to.
const naps = "import os, time\n\ndef nap(seconds=0.001):\n    time.sleep(seconds)\n    return os.getpid()\n"

var napping = map[string]string{"naps": naps}

const napPool = "[pools.naps]\nmodule = \"naps\"\n"

// TestReadinessWaitsForTheWorkersAndABrokenModuleStopsNothing: systemctl start
// returns when calls can be answered, also when an import takes longer than the
// unit allows; what is broken is named and does not fail the service.
func TestReadinessWaitsForTheWorkersAndABrokenModuleStopsNothing(t *testing.T) {
	g := machine(t, napPool+"[pools.slow]\nmodule = \"slow\"\n[pools.wrong]\nmodule = \"wrong\"\n", map[string]string{
		"naps":  naps,
		"slow":  "import time\ntime.sleep(7)\n\ndef f():\n    return 1\n",
		"wrong": "import nothing_of_that_name\n",
	}, map[string]string{"mochi-pyd.service.d/short.conf": "[Service]\nTimeoutStartSec=6\n"})
	started := time.Now()
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	if took := time.Since(started); took < 6*time.Second {
		t.Errorf("systemctl start returned after %s, before the slow module was there", took)
	}
	if a, err := g.once("slow.f", ""); err != nil || string(a.Result) != "1" {
		t.Errorf("a call at once after the start: %v %+v", err, a)
	}
	if status := g.show("StatusText"); !strings.Contains(status, "pools 3") || !strings.Contains(status, "broken: wrong") {
		t.Errorf("the status is %q", status)
	}
	if got := g.show("ActiveState"); got != "active" {
		t.Errorf("the service is %s", got)
	}
}

// TestTheFirstCallStartsTheService and the service that the first call starts
// answers that call; who is not of the group is refused by the kernel.
func TestTheFirstCallStartsTheService(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	if got := g.show("ActiveState"); got != "inactive" {
		t.Fatalf("the service is %s before anybody called", got)
	}
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Fatalf("the first call: %v %+v", err, a.Error)
	}
	if mode := g.must(t, "stat", "-c", "%a %U %G", "/run/mochi-pyd/rpc.sock", "/run/mochi-pyd/ctl.sock"); mode != "660 mochi-pyd mochi-pyd\n600 mochi-pyd mochi-pyd" {
		t.Errorf("the sockets have %q", mode)
	}
	if out, err := g.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "mochi-pyd", "--socket", "/run/mochi-pyd/rpc.sock", "call", "naps.nap"); err == nil || !strings.Contains(out, "join its group") {
		t.Errorf("nobody was let in: %v %s", err, out)
	}
	if out := g.must(t, "setpriv", "--reuid=65534", "--regid=65534", "--groups", g.must(t, "id", "-g", "mochi-pyd"), "mochi-pyd", "--socket", "/run/mochi-pyd/rpc.sock", "call", "naps.nap"); out == "" {
		t.Error("a member of the group got no answer")
	}
	// What has been stopped is started by the next call: the sockets stay.
	g.must(t, "systemctl", "stop", "mochi-pyd.service")
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("the first call after a stop: %v %+v", err, a.Error)
	}
}

// callers call once a connection, several at a time, until they are told to end.
type callers struct {
	stop  chan struct{}
	ended sync.WaitGroup

	mu       sync.Mutex
	answered int
	refused  []string // could not connect, or were hung up on
	failed   map[string]int
	slowest  time.Duration
}

func (g *guest) call(hosts int, method, params string) *callers {
	c := &callers{stop: make(chan struct{}), failed: map[string]int{}}
	for range hosts {
		c.ended.Go(func() {
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				began := time.Now()
				a, err := g.once(method, params)
				c.note(a, err, time.Since(began))
			}
		})
	}
	return c
}

func (c *callers) note(a rig.Answer, err error, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowest = max(c.slowest, took)
	switch {
	case err != nil:
		c.refused = append(c.refused, err.Error())
	case a.Error != nil:
		c.failed[a.Error.Kind()]++
	default:
		c.answered++
	}
}

func (c *callers) end(t *testing.T) {
	t.Helper()
	close(c.stop)
	c.ended.Wait()
	t.Logf("%d calls answered, the slowest in %s; failed: %v", c.answered, c.slowest.Round(time.Millisecond), c.failed)
	if len(c.refused) > 0 {
		t.Errorf("%d calls were refused or got no answer, the first: %s", len(c.refused), c.refused[0])
	}
	if c.answered == 0 {
		t.Error("no call was answered at all")
	}
}

const restarts = 5

// TestOverARestartCallersWaitAndNobodyIsRefused: hosts that connect for each
// call notice a restart as a slow call.
func TestOverARestartCallersWaitAndNobodyIsRefused(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	load := g.call(4, "naps.nap", "")
	pids := map[int]bool{}
	for range restarts {
		pids[g.mainPID(t)] = true
		g.must(t, "systemctl", "restart", "mochi-pyd.service")
	}
	load.end(t)
	if len(load.failed) > 0 {
		t.Errorf("calls failed: %v", load.failed)
	}
	if len(pids) != restarts {
		t.Errorf("%d restarts, and the main processes were %v", restarts, pids)
	}
}

// TestAReloadUnderLoadCostsNoCall: systemctl reload returns when the new code
// serves, and fails, with the old code serving, when it does not start.
func TestAReloadUnderLoadCostsNoCall(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	load := g.call(2, "naps.nap", "")
	pid := g.mainPID(t)
	// What the workers are made of changes with the configuration, so they roll.
	g.must(t, "sh", "-c", "printf 'def version():\\n    return 2\\n' >>/srv/py/naps.py && echo 'env = { STEP = \"2\" }' >>/etc/mochi-pyd/config.toml && systemctl reload mochi-pyd.service")
	if a, err := g.once("naps.version", ""); err != nil || string(a.Result) != "2" {
		t.Errorf("the new code after the reload: %v %s %+v", err, a.Result, a.Error)
	}
	g.must(t, "sh", "-c", "echo 'def broken(:' >>/srv/py/naps.py && sed -i 's/STEP = \"2\"/STEP = \"3\"/' /etc/mochi-pyd/config.toml")
	if out, err := g.run("systemctl", "reload", "mochi-pyd.service"); err == nil {
		t.Errorf("a reload of code that is wrong succeeded: %s", out)
	}
	load.end(t)
	if len(load.failed) > 0 {
		t.Errorf("calls failed: %v", load.failed)
	}
	g.awaits(t, "ActiveState", guestLimit, "active")
	if now := g.mainPID(t); now != pid {
		t.Errorf("the daemon's process changed from %d to %d", pid, now)
	}
	if said := g.journal(); !strings.Contains(said, "SyntaxError") || !strings.Contains(said, "it goes on with the settings it had") {
		t.Errorf("the journal does not say why:\n%s", said)
	}
	if status := g.show("StatusText"); !strings.HasPrefix(status, "serving") {
		t.Errorf("after the reloads the status is %q", status)
	}
}

// TestADaemonThatHangsIsEndedByTheWatchdog and started again; nothing of the
// first is left, and who called meanwhile has waited.
func TestADaemonThatHangsIsEndedByTheWatchdog(t *testing.T) {
	g := machine(t, napPool, napping, map[string]string{"mochi-pyd.service.d/watch.conf": "[Service]\nWatchdogSec=2\nRestartSec=100ms\n"})
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	pid := g.mainPID(t)
	// It lives longer than its limit when nothing is wrong, busy as it is.
	busy := g.call(4, "naps.nap", "[0.3]")
	if rig.Until(3*time.Second, func() bool { return g.show("NRestarts") != "0" }) {
		t.Error("a daemon that is busy was ended")
	}
	busy.end(t)
	before := g.processes()
	g.must(t, "kill", "-STOP", fmt.Sprint(pid))
	waited := make(chan error, 1)
	go func() {
		a, err := g.once("naps.nap", "")
		if err == nil && a.Error != nil {
			err = fmt.Errorf("%s", a.Error.Message)
		}
		waited <- err
	}()
	g.awaits(t, "NRestarts", guestLimit, "1")
	g.awaits(t, "ActiveState", guestLimit, "active")
	if now := g.mainPID(t); now == pid {
		t.Error("the stopped daemon is still the main process")
	}
	if err := <-waited; err != nil {
		t.Logf("the call to the hanging daemon: %v", err) // it was accepted by a process that then was killed, or waited
	}
	for _, old := range strings.Fields(before) {
		if out, err := g.run("kill", "-0", old); err == nil {
			t.Errorf("process %s of the first daemon is left: %s", old, out)
		}
	}
	if said := g.journal(); !strings.Contains(said, "Watchdog timeout") || !strings.Contains(said, "goroutine ") {
		t.Errorf("the journal has no watchdog, or no goroutines:\n%s", said)
	}
}

// TestAfterKillNineThereAreNoLeftoversAndItStartsAgain.
func TestAfterKillNineThereAreNoLeftoversAndItStartsAgain(t *testing.T) {
	g := machine(t, napPool, napping, map[string]string{"mochi-pyd.service.d/quick.conf": "[Service]\nRestartSec=100ms\n"})
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	pid, before := g.mainPID(t), g.processes()
	if len(strings.Fields(before)) < 3 {
		t.Fatalf("the service has the processes %q, want a daemon and two workers", before)
	}
	g.must(t, "kill", "-KILL", fmt.Sprint(pid))
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call after the kill: %v %+v", err, a.Error)
	}
	g.awaits(t, "ActiveState", guestLimit, "active")
	for _, old := range strings.Fields(before) {
		if _, err := g.run("kill", "-0", old); err == nil {
			t.Errorf("process %s of the killed daemon is left", old)
		}
	}
}

// TestAStopUnderLoadAnswersWhatRunsAndLeavesNothing.
func TestAStopUnderLoadAnswersWhatRunsAndLeavesNothing(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	running := make(chan error, 1)
	began := make(chan struct{})
	go func() {
		h, err := rig.Dial(g.host)
		if err != nil {
			close(began)
			running <- err
			return
		}
		defer h.Close()
		err = h.Send(rig.Request(1, "naps.nap", "[1]"))
		close(began)
		if a, readErr := h.Read(); err == nil {
			if err = readErr; err == nil && a.Error != nil {
				err = fmt.Errorf("%s", a.Error.Message)
			}
		}
		running <- err
	}()
	<-began
	if !rig.Until(guestLimit, func() bool {
		out, _ := g.run("mochi-pyd", "--control-socket", "/run/mochi-pyd/ctl.sock", "ps", "-o", "json")
		return strings.Contains(out, `"nap`) || strings.Contains(out, "naps.nap")
	}) {
		t.Fatal("the call does not run")
	}
	g.must(t, "systemctl", "stop", "mochi-pyd.socket", "mochi-pyd-control.socket", "mochi-pyd.service")
	if err := <-running; err != nil {
		t.Errorf("the call that ran at the stop: %v", err)
	}
	if left := g.processes(); left != "" {
		t.Errorf("processes are left: %q", left)
	}
	if result, status := g.show("Result"), g.show("ExecMainStatus"); result != "success" || status != "0" {
		t.Errorf("the stop ended with %s, status %s", result, status)
	}
	if out := g.must(t, "ls", "-A", "/run/mochi-pyd"); out != "" {
		t.Errorf("/run/mochi-pyd has %q", out)
	}
}

// TestADynamicUserWillDo: the service needs no user of its own on the machine.
func TestADynamicUserWillDo(t *testing.T) {
	g := machine(t, napPool+"[pools.os]\nmodule = \"os\"\n", napping, map[string]string{
		"mochi-pyd.service.d/dynamic.conf":        "[Service]\nDynamicUser=yes\nUser=mochi-pyd-dynamic\nGroup=\n",
		"mochi-pyd.socket.d/dynamic.conf":         "[Socket]\nSocketUser=root\nSocketGroup=root\n",
		"mochi-pyd-control.socket.d/dynamic.conf": "[Socket]\nSocketUser=root\nSocketGroup=root\n",
	})
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	if a, err := g.once("os.getuid", ""); err != nil || len(a.Result) != 5 { // 61184 to 65519
		t.Errorf("the worker's uid: %v %s %+v", err, a.Result, a.Error)
	}
	g.must(t, "systemctl", "restart", "mochi-pyd.service")
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call after the restart: %v %+v", err, a.Error)
	}
}

// TestAWrongConfigurationIsNotTriedAgain and says where it is wrong; what fails
// otherwise is tried as often as the unit says, and then no more.
func TestAWrongConfigurationIsNotTriedAgain(t *testing.T) {
	g := machine(t, "wrokers = 2\n", napping, map[string]string{
		"mochi-pyd.service.d/quick.conf": "[Service]\nRestartSec=10ms\n[Unit]\nStartLimitBurst=3\n",
	})
	if out, err := g.run("systemctl", "start", "mochi-pyd.service"); err == nil {
		t.Errorf("it started: %s", out)
	}
	if status, again := g.show("ExecMainStatus"), g.show("NRestarts"); status != "78" || again != "0" {
		t.Errorf("it ended with %s and was started again %s times, want 78 and 0", status, again)
	}
	if said := g.journal(); !strings.Contains(said, "config.toml:4:") || !strings.Contains(said, "workers") {
		t.Errorf("the journal does not say where:\n%s", said)
	}
	// A directory that cannot be written is no wrong configuration: exit 1.
	g.must(t, "systemctl", "reset-failed", "mochi-pyd.service")
	g.must(t, "sh", "-c", "printf '[pools.naps]\nmodule = \"naps\"\n' >/etc/mochi-pyd/config.toml; mkdir -p /etc/systemd/system/mochi-pyd.service.d; printf '[Service]\nEnvironment=RUNTIME_DIRECTORY=/proc/nowhere\nExecStartPre=/bin/false\n' >/etc/systemd/system/mochi-pyd.service.d/zfail.conf; systemctl daemon-reload")
	if out, err := g.run("systemctl", "start", "mochi-pyd.service"); err == nil {
		t.Errorf("it started: %s", out)
	}
	g.awaits(t, "ActiveState", guestLimit, "failed")
	if said := g.journal(); !strings.Contains(said, "Start request repeated too quickly") {
		t.Errorf("the start limit was not reached:\n%s", said)
	}
}

// TestTheJournalHasTheFieldsThatOperatorsFilterBy: a worker's death is found by
// its pool and its reason, and a traceback is one entry.
func TestTheJournalHasTheFieldsThatOperatorsFilterBy(t *testing.T) {
	g := machine(t, "[pools.dies]\nmodule = \"dies\"\nworkers = 1\n", map[string]string{
		"dies": "import logging, os, signal\n\ndef die():\n    os.kill(os.getpid(), signal.SIGKILL)\n\ndef trip():\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        logging.getLogger('app').exception('tripped')\n",
	}, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	if a, err := g.once("dies.trip", ""); err != nil || a.Error != nil {
		t.Fatalf("dies.trip: %v %+v", err, a.Error)
	}
	if a, err := g.once("dies.die", ""); err != nil || a.Error == nil {
		t.Fatalf("dies.die: %v %+v", err, a)
	}
	find := func(filter ...string) (found []map[string]any) {
		rig.Until(guestLimit, func() bool {
			found = nil
			for line := range strings.Lines(g.journal(append([]string{"-o", "json"}, filter...)...)) {
				var e map[string]any
				if json.Unmarshal([]byte(line), &e) == nil {
					found = append(found, e)
				}
			}
			return len(found) > 0
		})
		return found
	}
	death := find("MOCHI_POOL=dies", "MOCHI_REASON=signal", "MOCHI_EVENT=worker_exited")
	if len(death) != 1 || death[0]["PRIORITY"] != "4" || death[0]["MOCHI_SLOT"] != "0" || death[0]["SYSLOG_IDENTIFIER"] != "mochi-pyd" {
		t.Errorf("the worker's death: %v", death)
	}
	tripped := find("MOCHI_POOL=dies", "MOCHI_LOGGER=app")
	if len(tripped) != 1 || tripped[0]["PRIORITY"] != "3" || !strings.Contains(fmt.Sprint(tripped[0]["MESSAGE"]), "ZeroDivisionError") {
		t.Errorf("the traceback: %v", tripped)
	}
}
