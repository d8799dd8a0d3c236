package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const installed = "/usr/bin/mochi-pyd"

var shippedUnits = []string{"mochi-pyd.service", "mochi-pyd.socket", "mochi-pyd-control.socket"}

// units copies the shipped units into a directory, with a drop-in ("" = none) and
// the binary's path replaced by one that exists here.
func units(t *testing.T, dropIn string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range shippedUnits {
		text := shippedFile(t, name)
		put(t, dir, name, strings.ReplaceAll(text, installed, binary))
	}
	if dropIn != "" {
		put(t, dir, "mochi-pyd.service.d/"+filepath.Base(dropIn), shippedFile(t, dropIn))
	}
	return dir
}

func shippedFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze on PATH: the units were not looked at")
	}
	out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Errorf("systemd-analyze %s: %v", args[0], err)
	}
	return string(out)
}

// TestTheUnitsAreCleanForSystemd runs the shipped units, alone and with each
// drop-in, through systemd's own check.
func TestTheUnitsAreCleanForSystemd(t *testing.T) {
	for _, dropIn := range []string{"", "drop-ins/gpu.conf", "drop-ins/strict.conf"} {
		dir := units(t, dropIn)
		args := []string{"verify", "--man=no"}
		for _, name := range shippedUnits {
			args = append(args, filepath.Join(dir, name))
		}
		for line := range strings.Lines(analyze(t, args...)) {
			if strings.Contains(line, "mochi-pyd") {
				t.Errorf("systemd-analyze verify, with %q: %s", dropIn, strings.TrimSpace(line))
			}
		}
	}
}

// TestTheUnitIsExposedNoMoreThanItMustBe holds systemd's own score, 0 to 10.
func TestTheUnitIsExposedNoMoreThanItMustBe(t *testing.T) {
	level := regexp.MustCompile(`Overall exposure level for \S+: (\d+\.\d+)`)
	for dropIn, most := range map[string]float64{"": 2.0, "drop-ins/gpu.conf": 2.0, "drop-ins/strict.conf": 1.0} {
		out := analyze(t, "security", "--offline=true", "--no-pager", filepath.Join(units(t, dropIn), "mochi-pyd.service"))
		if strings.Contains(out, "unrecognized option") {
			t.Skip("this systemd-analyze knows no --offline: the score was not looked at")
		}
		found := level.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("no score in %q", out)
		}
		score, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("with %q: %.1f", dropIn, score)
		if score > most {
			t.Errorf("with %q the exposure is %.1f, want at most %.1f:\n%s", dropIn, score, most, out)
		}
	}
}

// TestTheUnitsKeepWhatTheDaemonReliesOn: lines that were each found the hard way.
func TestTheUnitsKeepWhatTheDaemonReliesOn(t *testing.T) {
	for line, why := range map[string]string{
		"Type=notify":                                       "callers must not be sent to a socket that is not there yet",
		"NotifyAccess=main":                                 "a worker must not speak for the daemon",
		"KillMode=mixed":                                    "control-group would end workers in the middle of a call",
		"OOMPolicy=continue":                                "one worker out of memory must not stop the service",
		"Delegate=yes":                                      "the workers' cgroups are the daemon's to make",
		"WatchdogSec=30":                                    "a daemon that hangs is ended",
		"ProtectControlGroups=no":                           "Delegate= is for nothing when the group's files cannot be written",
		"RestrictNamespaces=yes":                            "no worker needs a namespace; clone3 answers ENOSYS, and nothing here depends on it",
		"RestartPreventExitStatus=64 78":                    "a wrong configuration does not heal by trying again",
		"RuntimeDirectoryPreserve=restart":                  "Python's cached bytecode is there for the next daemon",
		"RuntimeDirectory=mochi-pyd/daemon":                 "the sockets stand beside it: what systemd removes at a stop must not be their directory",
		"User=mochi-pyd":                                    "user code must not run as root",
		"SystemCallErrorNumber=EPERM":                       "a library that tries and falls back must not be killed for it",
		"Sockets=mochi-pyd.socket mochi-pyd-control.socket": "callers queue over a restart",
	} {
		if !strings.Contains(shippedFile(t, "mochi-pyd.service"), "\n"+line+"\n") {
			t.Errorf("the unit lacks %s: %s", line, why)
		}
	}
	for _, line := range []string{"MemoryDenyWriteExecute=yes", "ProcSubset=pid", "PrivateUsers=yes"} {
		if strings.Contains(shippedFile(t, "mochi-pyd.service"), "\n"+line) {
			t.Errorf("the unit has %s, which some modules cannot live with", line)
		}
	}
	for name, descriptor := range map[string]string{"mochi-pyd.socket": "rpc", "mochi-pyd-control.socket": "ctl"} {
		if text := shippedFile(t, name); !strings.Contains(text, "\nFileDescriptorName="+descriptor+"\n") || !strings.Contains(text, "\nService=mochi-pyd.service\n") {
			t.Errorf("%s is not what the daemon knows as %s", name, descriptor)
		}
	}
	if reload := "\nExecReload=" + installed + " reload --wait "; !strings.Contains(shippedFile(t, "mochi-pyd.service"), reload) {
		t.Errorf("the unit lacks %s: systemctl reload would not say how it went", reload)
	}
	if !strings.Contains(shippedFile(t, "mochi-pyd.service"), "ExecStart="+installed+" serve") {
		t.Errorf("the unit does not start %s serve", installed)
	}
}
