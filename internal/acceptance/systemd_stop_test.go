package acceptance

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestAStopUnderLoadAnswersWhatRunsAndLeavesNothing, also when that takes longer
// than the unit allows: the drain says how long it may last.
func TestAStopUnderLoadAnswersWhatRunsAndLeavesNothing(t *testing.T) {
	g := machine(t, napPool, napping, map[string]string{"mochi-pyd.service.d/short.conf": "[Service]\nTimeoutStopSec=1\n"})
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
		err = h.Send(rig.Request(1, "naps.nap", "[2]"))
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
	var kept [2]tallied
	var others sync.WaitGroup
	for i := range kept {
		others.Go(func() { g.connection(&kept[i], nil) })
	}
	if !rig.Until(guestLimit, func() bool {
		a, err := g.once("naps.nap", "")
		return err == nil && a.Error == nil
	}) {
		t.Fatal("beside the call no other is answered")
	}
	g.must(t, "systemctl", "stop", "mochi-pyd.socket", "mochi-pyd-control.socket", "mochi-pyd.service")
	if err := <-running; err != nil {
		t.Errorf("the call that ran at the stop: %v", err)
	}
	others.Wait()
	for i, c := range kept {
		if t.Logf("host %d: %+v", i, c); c.err != nil {
			t.Errorf("host %d: %v", i, c.err)
		}
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
