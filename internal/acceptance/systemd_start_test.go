package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestReadinessWaitsForTheWorkersAndABrokenModuleStopsNothing: systemctl start
// returns when calls can be answered, also when an import takes longer than the
// unit allows, and so does a reload; what is broken is named and does not fail
// the service, until it is mended.
func TestReadinessWaitsForTheWorkersAndABrokenModuleStopsNothing(t *testing.T) {
	const unit, module = 2 * time.Second, 2500 * time.Millisecond
	g := machine(t, napPool+"[pools.wrong]\nmodule = \"wrong\"\n[pools.slow]\nmodule = \"slow\"\n", map[string]string{
		"naps":  naps,
		"slow":  fmt.Sprintf("import os, time\ntime.sleep(%g)\n\ndef f():\n    return os.getenv('STEP', '1')\n", module.Seconds()),
		"wrong": "import nothing_of_that_name\n",
	}, map[string]string{"mochi-pyd.service.d/short.conf": fmt.Sprintf("[Service]\nTimeoutStartSec=%d\n", unit/time.Second)})
	// takes runs a command, and looks at the service meanwhile.
	takes := func(state, status string, args ...string) {
		t.Helper()
		started := time.Now()
		ended := make(chan error, 1)
		go func() {
			_, err := g.run(args...)
			ended <- err
		}()
		g.awaits(t, "ActiveState", guestLimit, state)
		g.awaits(t, "StatusText", guestLimit, status)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took < module {
			t.Errorf("%s returned after %s, before the slow module was there", strings.Join(args, " "), took)
		}
	}
	takes("activating", "importing: slow", "systemctl", "start", "mochi-pyd.service")
	if a, err := g.once("slow.f", ""); err != nil || string(a.Result) != `"1"` {
		t.Errorf("a call at once after the start: %v %+v", err, a)
	}
	if status := g.show("StatusText"); !strings.HasPrefix(status, "serving: pools 3, ") || !strings.HasSuffix(status, "; broken: wrong") {
		t.Errorf("the status is %q", status)
	}
	if got := g.show("ActiveState"); got != "active" {
		t.Errorf("the service is %s", got)
	}
	g.must(t, "sh", "-c", "echo >/srv/py/wrong.py; echo 'env = { STEP = \"2\" }' >>/etc/mochi-pyd/config.toml")
	takes("reloading", "reloading", "systemctl", "reload", "mochi-pyd.service")
	if a, err := g.once("slow.f", ""); err != nil || string(a.Result) != `"2"` {
		t.Errorf("a call at once after the reload: %v %+v", err, a)
	}
	g.must(t, "mochi-pyd", "reload", "wrong", "--wait")
	if !rig.Until(guestLimit, func() bool {
		status := g.show("StatusText")
		return strings.HasPrefix(status, "serving: pools 3, ") && !strings.Contains(status, "broken")
	}) {
		t.Errorf("when all is well the status is %q", g.show("StatusText"))
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

// TestWithoutTheSocketUnitsTheDaemonBindsItsOwn in the same directory, and takes
// them along when it stops.
func TestWithoutTheSocketUnitsTheDaemonBindsItsOwn(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	g.must(t, "systemctl", "stop", "mochi-pyd.socket", "mochi-pyd-control.socket")
	g.must(t, "sh", "-c", "rm /etc/systemd/system/mochi-pyd*.socket && systemctl daemon-reload && systemctl start mochi-pyd.service")
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call: %v %+v", err, a.Error)
	}
	if mode := g.must(t, "stat", "-c", "%a %U", "/run/mochi-pyd/rpc.sock", "/run/mochi-pyd/ctl.sock"); mode != "660 mochi-pyd\n600 mochi-pyd" {
		t.Errorf("the sockets have %q", mode)
	}
	g.must(t, "systemctl", "stop", "mochi-pyd.service")
	if out := g.must(t, "ls", "-A", "/run/mochi-pyd"); out != "" {
		t.Errorf("/run/mochi-pyd has %q", out)
	}
}

// TestAWrongConfigurationIsNotTriedAgain and says where it is wrong, nor is a
// command line that is wrong; what fails otherwise is tried as often as the unit
// says, and then no more.
func TestAWrongConfigurationIsNotTriedAgain(t *testing.T) {
	g := machine(t, "wrokers = 2\n", napping, map[string]string{
		"mochi-pyd.service.d/quick.conf": "[Service]\nRestartSec=10ms\n[Unit]\nStartLimitBurst=3\n",
	})
	fails := func(status, again string) {
		t.Helper()
		if out, err := g.run("systemctl", "start", "mochi-pyd.service"); err == nil {
			t.Errorf("it started: %s", out)
		}
		g.awaits(t, "ActiveState", guestLimit, "failed")
		if gotStatus, gotAgain := g.show("ExecMainStatus"), g.show("NRestarts"); gotStatus != status || gotAgain != again {
			t.Errorf("it ended with %s and was started again %s times, want %s and %s", gotStatus, gotAgain, status, again)
		}
		g.must(t, "systemctl", "reset-failed", "mochi-pyd.service")
	}
	fails("78", "0")
	if said := g.journal(); !strings.Contains(said, "config.toml:4:") || !strings.Contains(said, "workers") {
		t.Errorf("the journal does not say where:\n%s", said)
	}
	g.dropIn(t, "usage", "[Service]\nExecStart=\nExecStart=/usr/bin/mochi-pyd serve --wrokers 2")
	fails("64", "0")
	// A directory that is not there is neither: exit 1.
	g.must(t, "sh", "-c", "sed -i /wrokers/d /etc/mochi-pyd/config.toml")
	g.dropIn(t, "usage", "[Service]\nRuntimeDirectory=\nEnvironment=RUNTIME_DIRECTORY=/proc/nowhere")
	fails("1", "3")
	if said := g.journal(); !strings.Contains(said, "no safe place for the workers' scripts") || !strings.Contains(said, "Start request repeated too quickly") {
		t.Errorf("the journal does not say why it failed, or that it is not tried any more:\n%s", said)
	}
}
