package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// packagesVariable names the directory that make deb fills.
const packagesVariable = "MOCHI_PYD_TEST_PACKAGES"

// TestThePackageInstallsServesAndIsPurged: in a guest that has never seen the
// program, a package makes the user, its units verify and serve, and a purge
// leaves nothing but the state and whom it belongs to.
func TestThePackageInstallsServesAndIsPurged(t *testing.T) {
	needsRoot(t)
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no dpkg on PATH: the package was not installed")
	}
	dir := os.Getenv(packagesVariable)
	if dir == "" {
		t.Skipf("%s is not set: make deb, then make test, installs the package", packagesVariable)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*_"+runtime.GOARCH+".deb"))
	if err != nil || len(found) != 1 {
		t.Skipf("%d packages for %s in %s: make deb makes one", len(found), runtime.GOARCH, dir)
	}
	tree := t.TempDir()
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	put(t, tree, "srv/mochi-pyd.deb", string(text))
	put(t, tree, "srv/py/naps.py", naps)
	g := boot(t, tree)
	if out, err := g.run("dpkg-query", "-W", "-f", "${Status}", "python3"); err != nil || !strings.Contains(out, "ok installed") {
		t.Skipf("this machine's python3 is not dpkg's, so the package's dependency is not met: %s", out)
	}
	if _, err := g.run("getent", "passwd", "mochi-pyd"); err == nil {
		t.Skip("this machine has a user mochi-pyd already")
	}
	before := files(t, g)

	g.must(t, "dpkg", "-i", "/srv/mochi-pyd.deb")
	if user := g.must(t, "getent", "passwd", "mochi-pyd"); !strings.HasSuffix(user, ":/var/lib/mochi-pyd:/usr/sbin/nologin") {
		t.Errorf("the user is %q", user)
	}
	if out := g.must(t, "systemd-analyze", "verify", "--man=no", "mochi-pyd.service", "mochi-pyd.socket", "mochi-pyd-control.socket"); strings.Contains(out, "mochi-pyd") {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	if got := g.show("ActiveState"); got != "inactive" {
		t.Errorf("installing started the service: %s", got)
	}
	g.must(t, "systemctl", "enable", "--now", "mochi-pyd.socket", "mochi-pyd-control.socket", "mochi-pyd.service")
	g.must(t, "sh", "-c", `printf '[pools.naps]\nmodule = "naps"\npython-path = ["/srv/py"]\n' >>/etc/mochi-pyd/config.toml && systemctl restart mochi-pyd`)
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call to the installed service: %v %+v", err, a.Error)
	}

	// An upgrade keeps the configuration that was changed, and serves.
	g.must(t, "dpkg", "-i", "/srv/mochi-pyd.deb")
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call after the upgrade: %v %+v", err, a.Error)
	}

	g.must(t, "dpkg", "-r", "mochi-pyd")
	if left := g.processes(); left != "" {
		t.Errorf("removing left processes: %q", left)
	}
	if _, err := g.run("test", "-e", "/etc/mochi-pyd/config.toml"); err != nil {
		t.Error("removing deleted the configuration, which is a purge's to delete")
	}
	g.must(t, "dpkg", "-P", "mochi-pyd")
	after := files(t, g)
	for _, name := range after {
		if !slices.Contains(before, name) && name != "/var/lib/mochi-pyd" {
			t.Errorf("the purge left %s", name)
		}
	}
	if !slices.Contains(after, "/var/lib/mochi-pyd") {
		t.Error("the purge deleted the state")
	}
}

// files are those that have to do with the program.
func files(t *testing.T, g *guest) []string {
	t.Helper()
	out := g.must(t, "sh", "-c", "find /etc /usr /var/lib /run /lib/systemd/ -xdev -name '*mochi-pyd*' -not -path '/var/lib/dpkg/*' 2>/dev/null | sort")
	return strings.Fields(out)
}
