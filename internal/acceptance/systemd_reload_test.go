package acceptance

import (
	"strings"
	"testing"
)

// TestAReloadUnderLoadCostsNoCall: systemctl reload returns when the new code
// serves, and fails, with the old code serving, when it does not start or the
// configuration is wrong.
func TestAReloadUnderLoadCostsNoCall(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	load := callsAt(g.host, 2, "naps.nap", "")
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
	g.must(t, "sh", "-c", "echo 'wrokers = 3' >>/etc/mochi-pyd/config.toml")
	if out, err := g.run("systemctl", "reload", "mochi-pyd.service"); err == nil {
		t.Errorf("a reload of a configuration that is wrong succeeded: %s", out)
	}
	if how := g.show("ExecReload"); !strings.Contains(how, "status=78") {
		t.Errorf("the reload of a configuration that is wrong ended as %s", how)
	}
	load.end(t)
	g.awaits(t, "ActiveState", guestLimit, "active")
	if now := g.mainPID(t); now != pid {
		t.Errorf("the daemon's process changed from %d to %d", pid, now)
	}
	if said := g.journal(); !strings.Contains(said, "SyntaxError") || !strings.Contains(said, "it goes on with the settings it had") || !strings.Contains(said, `config.toml:7:1: unknown key "wrokers"`) {
		t.Errorf("the journal does not say why:\n%s", said)
	}
	if status := g.show("StatusText"); !strings.HasPrefix(status, "serving") {
		t.Errorf("after the reloads the status is %q", status)
	}
}
