package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheServiceUnitIsCleanForSystemd runs the shipped unit through systemd's
// own check, with the binary's path replaced by one that exists here.
func TestTheServiceUnitIsCleanForSystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze on PATH: the unit was not verified")
	}
	shipped, err := os.ReadFile(filepath.Join("..", "..", "deploy", "mochi-pyd.service"))
	if err != nil {
		t.Fatal(err)
	}
	const installed = "/usr/bin/mochi-pyd"
	if !strings.Contains(string(shipped), "ExecStart="+installed+" serve") {
		t.Fatalf("the unit does not start %s serve", installed)
	}
	unit := filepath.Join(t.TempDir(), "mochi-pyd.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(shipped), installed, binary)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "mochi-pyd.service") {
			t.Errorf("systemd-analyze verify: %s", strings.TrimSpace(line))
		}
	}
	if err != nil && len(out) == 0 {
		t.Errorf("systemd-analyze verify: %v", err)
	}
	t.Logf("systemd-analyze verify said: %q", out)
}

// TestTheServiceUnitKeepsWhatTheDaemonReliesOn: lines that were each found the
// hard way.
func TestTheServiceUnitKeepsWhatTheDaemonReliesOn(t *testing.T) {
	shipped, err := os.ReadFile(filepath.Join("..", "..", "deploy", "mochi-pyd.service"))
	if err != nil {
		t.Fatal(err)
	}
	for line, why := range map[string]string{
		"Type=notify":                      "callers must not be sent to a socket that is not there yet",
		"NotifyAccess=main":                "a worker must not speak for the daemon",
		"KillMode=mixed":                   "control-group would end workers in the middle of a call",
		"OOMPolicy=continue":               "one worker out of memory must not stop the service",
		"RestartPreventExitStatus=64 78":   "a wrong configuration does not heal by trying again",
		"RuntimeDirectoryPreserve=restart": "a host's reconnect must find the directory",
		"User=mochi-pyd":                   "user code must not run as root",
	} {
		if !strings.Contains(string(shipped), "\n"+line+"\n") {
			t.Errorf("the unit lacks %s: %s", line, why)
		}
	}
}
