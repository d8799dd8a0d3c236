package acceptance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// A guest is a machine with a real systemd as its first process, of which the
// units in deploy/ are installed as a package installs them. It shares the
// kernel and nothing else; its sockets are reached through /proc.
type guest struct {
	pid     string // of its systemd, as this machine counts
	host    string // its hosts' socket, as this machine sees it
	control string // and its operators'
}

const (
	noRig      = 77 // scripts/systemd-rig.sh: something is missing
	guestLimit = 30 * time.Second
	deploy     = "../../deploy"
)

// shipped builds what make build ships, once: the race detector's binary is
// dynamic, and asks for more than the unit allows.
var shipped = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(binary), "shipped")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return rig.Build(context.Background(), dir, false)
})

// machine boots a guest with a configuration, modules for /srv/py and drop-ins,
// by path below /etc/systemd/system. The sockets listen; the service is not
// started.
func machine(t *testing.T, config string, modules, dropIns map[string]string) *guest {
	t.Helper()
	needsRoot(t)
	bin, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	tree := t.TempDir()
	install(t, tree, bin)
	put(t, tree, "etc/mochi-pyd/config.toml", "[pool-defaults]\npython = \"/usr/bin/python3\"\npython-path = [\"/srv/py\"]\n"+config)
	for name, source := range modules {
		put(t, tree, "srv/py/"+name+".py", source)
	}
	for name, text := range dropIns {
		put(t, tree, "etc/systemd/system/"+name, text)
	}
	g := boot(t, tree)
	if out, err := g.run("/usr/bin/python3", "-c", "import sys; assert sys.version_info >= (3, 9)"); err != nil {
		t.Skipf("no /usr/bin/python3, 3.9 or newer, for a service's workers: %v %s", err, out)
	}
	g.must(t, "systemd-sysusers", "mochi-pyd.conf")
	g.must(t, "systemd-tmpfiles", "--create", "mochi-pyd.conf")
	g.must(t, "systemctl", "start", "mochi-pyd.socket", "mochi-pyd-control.socket")
	return g
}

// install lays out what a package has.
func install(t *testing.T, tree, bin string) {
	t.Helper()
	for from, to := range map[string]string{
		"mochi-pyd.service": "etc/systemd/system/", "mochi-pyd.socket": "etc/systemd/system/", "mochi-pyd-control.socket": "etc/systemd/system/",
		"sysusers.conf": "usr/lib/sysusers.d/mochi-pyd.conf", "tmpfiles.conf": "usr/lib/tmpfiles.d/mochi-pyd.conf",
	} {
		text, err := os.ReadFile(filepath.Join(deploy, from))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(to, "/") {
			to += from
		}
		put(t, tree, to, string(text))
	}
	to := filepath.Join(tree, "usr/bin/mochi-pyd")
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "cp", bin, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

// dropIn gives the service a drop-in, instead of the one it has of that name.
func (g *guest) dropIn(t *testing.T, name, text string) {
	t.Helper()
	g.must(t, "sh", "-c", "mkdir -p /etc/systemd/system/mochi-pyd.service.d && cat >/etc/systemd/system/mochi-pyd.service.d/"+name+".conf <<'END'\n"+text+"\nEND\nsystemctl daemon-reload")
}

func put(t *testing.T, tree, name, text string) {
	t.Helper()
	file := filepath.Join(tree, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: the rig that boots a real systemd needs namespaces and mounts")
	}
}

// boot runs the rig's script for as long as the test lasts.
func boot(t *testing.T, tree string) *guest {
	t.Helper()
	script, err := filepath.Abs("../../scripts/systemd-rig.sh")
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), script, tree)
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		err := cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == noRig {
			t.Skipf("no rig here: %s", strings.TrimSpace(said.String()))
		}
		t.Fatalf("the rig did not boot: %v: %s", err, said.String())
	}
	g := &guest{pid: strings.TrimSpace(pid)}
	g.host = filepath.Join("/proc", g.pid, "root", "run/mochi-pyd/rpc.sock")
	g.control = filepath.Join("/proc", g.pid, "root", "run/mochi-pyd/ctl.sock")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the guest's journal:\n%s", g.journal("-n", "60", "-o", "short-precise"))
		}
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the rig: %v: %s", err, said.String())
		}
	})
	return g
}

// run runs a command in the guest.
func (g *guest) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), guestLimit)
	defer cancel()
	args = append([]string{"-t", g.pid, "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "SYSTEMD_PAGER="}, args...)
	out, err := exec.CommandContext(ctx, "nsenter", args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args[8:], " "), err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func (g *guest) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := g.run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// show is a property of the service, as systemd has it.
func (g *guest) show(property string) string {
	out, _ := g.run("systemctl", "show", "-P", property, "mochi-pyd.service")
	return out
}

// mainPID is the daemon's, as the guest counts.
func (g *guest) mainPID(t *testing.T) int {
	t.Helper()
	pid, err := strconv.Atoi(g.show("MainPID"))
	if err != nil || pid == 0 {
		t.Fatalf("the service has no main process: %v", err)
	}
	return pid
}

func (g *guest) journal(args ...string) string {
	_, _ = g.run("journalctl", "--sync")
	out, _ := g.run(append([]string{"journalctl", "--no-pager", "-q", "-u", "mochi-pyd.service"}, args...)...)
	return out
}

// awaits waits until a property of the service is one of those.
func (g *guest) awaits(t *testing.T, property string, limit time.Duration, values ...string) string {
	t.Helper()
	last := ""
	if !rig.Until(limit, func() bool {
		last = g.show(property)
		for _, v := range values {
			if last == v {
				return true
			}
		}
		return false
	}) {
		t.Fatalf("%s of the service is %q after %s, want one of %q", property, last, limit, values)
	}
	return last
}

// processes are the service's, of which none may be left when it has ended.
func (g *guest) processes() string {
	out, _ := g.run("sh", "-c", "cat /sys/fs/cgroup/system.slice/mochi-pyd.service/cgroup.procs 2>/dev/null; find /sys/fs/cgroup/system.slice/mochi-pyd.service -mindepth 2 -name cgroup.procs -exec cat {} + 2>/dev/null; true")
	return out
}
