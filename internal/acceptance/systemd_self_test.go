package acceptance

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheRigLeavesTheMachineAsItWas: what a guest writes it writes into itself,
// and when it has ended nothing of it is left.
func TestTheRigLeavesTheMachineAsItWas(t *testing.T) {
	needsRoot(t)
	const trace = "/etc/systemd-rig-was-here"
	place := t.TempDir()
	t.Setenv("TMPDIR", place)
	var process, group string
	t.Run("guest", func(t *testing.T) {
		g := boot(t, t.TempDir())
		process = filepath.Join("/proc", g.pid)
		text, err := os.ReadFile(filepath.Join(process, "cgroup"))
		if err != nil {
			t.Fatal(err)
		}
		_, group, _ = strings.Cut(string(text), "0::/")
		group, _, _ = strings.Cut(group, "/")
		g.must(t, "sh", "-c", "echo x >"+trace)
		if out := g.must(t, "sh", "-c", "for f in /proc/sys/vm/swappiness /sys/kernel/mm/ksm/run; do cat $f 2>/dev/null >/tmp/was; cat /tmp/was 2>/dev/null >$f && echo wrote $f; done; true"); strings.Contains(out, "wrote") {
			t.Errorf("the guest sets the machine's kernel: %s", out)
		}
	})
	if process == "" {
		t.Skip("no rig here, so nothing to leave behind: the reason is above")
	}
	if _, err := os.Stat(trace); !errors.Is(err, os.ErrNotExist) {
		_ = os.Remove(trace)
		t.Errorf("%s is on the machine: %v", trace, err)
	}
	if _, err := os.Stat(process); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there still: %v", process, err)
	}
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(hierarchy, group)); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(group, "systemd-rig.") {
			t.Errorf("the group %q is left in %s: %v", group, hierarchy, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(place, "systemd-rig*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), place) {
		t.Errorf("a mount is left: %v\n%s", err, mounts)
	}
}

// TestWhereTheRigCannotRunItSaysWhy, and ends with the status that has tests
// skip.
func TestWhereTheRigCannotRunItSaysWhy(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash on PATH, which the rig is written in")
	}
	tools := t.TempDir() // a machine that has little
	for _, name := range []string{"id", "realpath"} {
		tool, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("no %s on PATH", name)
		}
		if err := os.Symlink(tool, filepath.Join(tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), bash, "../../scripts/systemd-rig.sh", t.TempDir())
	cmd.Env = []string{"PATH=" + tools}
	out, err := cmd.CombinedOutput()
	want := "systemd-rig: no unshare on PATH\n"
	if os.Geteuid() != 0 {
		want = "systemd-rig: not root: namespaces and mounts need it\n"
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != noRig || string(out) != want {
		t.Errorf("it ended with %v and %q, want status %d and %q", err, out, noRig, want)
	}
}
