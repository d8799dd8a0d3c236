package acceptance

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// cleanRootVariable names the directory that scripts/cleanroot.sh fills.
const cleanRootVariable = "MOCHI_PYD_TEST_CLEANROOT"

// A manager is a way to put a package onto a machine and to get rid of it.
type manager struct {
	format                          string
	install, upgrade, remove, purge []string // the file's name follows the first two
	kept                            string   // where the changed configuration is after the removal
	own                             []string // what the manager itself writes
}

var (
	// confold is what apt says when nobody can be asked.
	dpkg = manager{
		format: "deb", install: []string{"dpkg", "-i"}, upgrade: []string{"dpkg", "--force-confold", "-i"},
		remove: []string{"dpkg", "-r", "mochi-pyd"}, purge: []string{"dpkg", "-P", "mochi-pyd"},
		kept: "/etc/mochi-pyd/config.toml", own: []string{"/var/lib/dpkg/", "/var/log/dpkg.log"},
	}
	// nodeps, for python3 is there but not as an rpm: what the package asks for is
	// looked at apart.
	rpm = manager{
		format: "rpm", install: []string{"rpm", "-i", "--nodeps"}, upgrade: []string{"rpm", "-U", "--nodeps"},
		remove: []string{"rpm", "-e", "mochi-pyd"},
		kept:   "/etc/mochi-pyd/config.toml.rpmsave", own: []string{"/var/lib/rpm", "/usr/lib/sysimage/rpm"},
	}
)

// TestADebInstallsServesUpgradesAndIsPurged: in a root that has never seen the
// program, with a real systemd, the package makes the user, its units verify and
// serve, an upgrade keeps what was configured, a removal stops everything, and a
// purge leaves nothing but the state and whom it belongs to.
func TestADebInstallsServesUpgradesAndIsPurged(t *testing.T) {
	g := cleanMachine(t)
	if asks := g.must(t, "dpkg-deb", "-f", "/srv/old.deb", "Depends"); asks != "python3 (>= 3.9)" {
		t.Errorf("the package depends on %q", asks)
	}
	lives(t, g, dpkg)
}

// TestAnRpmInstallsServesUpgradesAndIsErased does the same with an rpm, which
// knows no purge.
func TestAnRpmInstallsServesUpgradesAndIsErased(t *testing.T) {
	g := cleanMachine(t)
	if asks := g.must(t, "rpm", "-q", "--requires", "-p", "/srv/old.rpm"); !slices.Contains(strings.Split(asks, "\n"), "python3 >= 3.9") {
		t.Errorf("the package asks for %q", asks)
	}
	lives(t, g, rpm)
}

// TestAPackageMakesItsUserWithoutSystemd: an image that is built has no systemd
// that runs, and may have none at all.
func TestAPackageMakesItsUserWithoutSystemd(t *testing.T) {
	g := cleanMachine(t)
	g.must(t, "rm", "/usr/bin/systemd-sysusers")
	g.must(t, "unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /run && dpkg -i /srv/old.deb")
	if user := g.must(t, "getent", "passwd", "mochi-pyd"); !strings.HasSuffix(user, ":/var/lib/mochi-pyd:/usr/sbin/nologin") {
		t.Errorf("the user is %q", user)
	}
}

// cleanRoot is one that has never seen the program.
func cleanRoot(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(cleanRootVariable)
	if _, err := os.Stat(filepath.Join(dir, ".stamp")); dir == "" || err != nil {
		t.Skipf("no clean root (make test makes one where it can, and names it in %s): nothing was installed", cleanRootVariable)
	}
	return filepath.Join(dir, "root")
}

// cleanMachine boots the clean root, with the packages in /srv.
func cleanMachine(t *testing.T) *guest {
	t.Helper()
	needsRoot(t)
	root := cleanRoot(t)
	p := packages(t)
	tree := t.TempDir()
	for name, dir := range map[string]string{"old": p.first, "new": p.next} {
		for _, format := range []string{"deb", "rpm"} {
			text, err := os.ReadFile(packageIn(t, dir, format))
			if err != nil {
				t.Fatal(err)
			}
			put(t, tree, "srv/"+name+"."+format, string(text))
		}
	}
	put(t, tree, "srv/py/naps.py", naps)
	t.Setenv("SYSTEMD_RIG_ROOT", root)
	g := boot(t, tree)
	if _, err := g.run("getent", "passwd", "mochi-pyd"); err == nil {
		t.Fatal("the clean root has a user mochi-pyd already")
	}
	return g
}

// lives is the life of a package on a machine.
func lives(t *testing.T, g *guest, m manager) {
	t.Helper()
	// What a system has: its first boot's files, and the directories that the
	// package filesystem of each distribution of rpms brings.
	g.must(t, "systemd-tmpfiles", "--create")
	g.must(t, "mkdir", "-p", "/usr/share/man/man1", "/usr/share/zsh/site-functions", "/usr/share/fish/vendor_completions.d")
	before := files(t, g)

	g.must(t, append(m.install, "/srv/old."+m.format)...)
	looksInstalled(t, g)
	g.must(t, "systemctl", "enable", "--now", "mochi-pyd.socket", "mochi-pyd-control.socket", "mochi-pyd.service")
	g.must(t, "sh", "-c", `printf '[pools.naps]\nmodule = "naps"\npython-path = ["/srv/py"]\n' >>/etc/mochi-pyd/config.toml && systemctl restart mochi-pyd`)
	serves(t, g, "after the installation")

	// The new package's configuration is another one.
	first := g.mainPID(t)
	g.must(t, append(m.upgrade, "/srv/new."+m.format)...)
	serves(t, g, "after the upgrade") // so what was configured is still there
	if g.mainPID(t) == first {
		t.Error("after the upgrade the old program still serves")
	}
	if status := g.must(t, "mochi-pyd", "status", "-o", "json"); !strings.Contains(status, nextVersion) {
		t.Errorf("after the upgrade the daemon's status is %s, want version %s in it", status, nextVersion)
	}

	g.must(t, m.remove...)
	if left := g.processes(); left != "" {
		t.Errorf("the removal left processes: %q", left)
	}
	if out, err := g.run("find", "/run/mochi-pyd", "-type", "s"); err == nil && out != "" {
		t.Errorf("the removal left sockets: %s", out)
	}
	if text := g.must(t, "cat", m.kept); !strings.Contains(text, "pools.naps") {
		t.Errorf("the removal did not keep the changed configuration: %s", text)
	}
	if m.purge != nil {
		g.must(t, m.purge...)
	}
	if _, err := g.run("test", "-e", "/run/mochi-pyd"); err == nil {
		t.Error("/run/mochi-pyd was left")
	}
	if out := g.must(t, "stat", "-c", "%U %a", "/var/lib/mochi-pyd"); out != "mochi-pyd 750" {
		t.Errorf("the state is %q, want it kept and its owner's", out)
	}
	for _, name := range files(t, g) {
		if !slices.Contains(before, name) && !leftOnPurpose(name, m) {
			t.Errorf("what is left is %s", name)
		}
	}
}

// leftOnPurpose: the state, what a manager keeps of an administrator's, and what
// is the system's own.
func leftOnPurpose(name string, m manager) bool {
	if m.purge == nil && strings.HasPrefix(m.kept+"/", name+"/") || strings.HasSuffix(name, "/config.toml.rpmnew") {
		return true
	}
	if slices.ContainsFunc(m.own, func(own string) bool { return strings.HasPrefix(name, own) }) {
		return true
	}
	return name == "/var/lib/mochi-pyd" || strings.HasPrefix(name, "/var/lib/mochi-pyd/") ||
		strings.HasPrefix(name, "/var/lib/systemd/") || strings.HasPrefix(name, "/var/log/journal") ||
		strings.Contains(name, "/__pycache__") || accounts.MatchString(name)
}

// accounts are the files that a user is written in, and the copies of before.
var accounts = regexp.MustCompile(`^/etc/(\.pwd\.lock|(passwd|group|shadow|gshadow|subuid|subgid)-?)$`)

// looksInstalled looks at a machine on which the package has been put and nothing been
// started.
func looksInstalled(t *testing.T, g *guest) {
	t.Helper()
	if user := g.must(t, "getent", "passwd", "mochi-pyd"); !strings.HasSuffix(user, ":/var/lib/mochi-pyd:/usr/sbin/nologin") {
		t.Errorf("the user is %q", user)
	}
	if dir := g.must(t, "stat", "-c", "%U:%G %a", "/run/mochi-pyd"); dir != "mochi-pyd:mochi-pyd 755" {
		t.Errorf("the sockets' directory is %s", dir)
	}
	if got := g.show("ActiveState"); got != "inactive" {
		t.Errorf("installing started the service: %s", got)
	}
	if out := g.must(t, "systemd-analyze", "verify", "--man=no", "mochi-pyd.service", "mochi-pyd.socket", "mochi-pyd-control.socket"); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	out := g.must(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "/usr/lib/systemd/system/mochi-pyd.service")
	found := exposure.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no score in %q", out)
	}
	if score, err := strconv.ParseFloat(found[1], 64); err != nil || score > mostExposed {
		t.Errorf("the exposure is %s, want at most %.1f", found[1], mostExposed)
	}
	if out := g.must(t, "/usr/bin/mochi-pyd", "check", "/etc/mochi-pyd/config.toml"); strings.Contains(out, "error") {
		t.Errorf("the shipped configuration: %s", out)
	}
	for _, page := range []string{"mochi-pyd", "mochi-pyd-serve", "mochi-pyd-config-show"} {
		if text := g.must(t, "zcat", "/usr/share/man/man1/"+page+".1.gz"); !strings.HasPrefix(text, ".TH "+strings.ReplaceAll(strings.ToUpper(page), "-", `\-`)+" 1") {
			t.Errorf("the page %s begins with %.60q", page, text)
		}
	}
	if got := g.must(t, "bash", "-c", "source /usr/share/bash-completion/completions/mochi-pyd && complete -p mochi-pyd"); !strings.Contains(got, "mochi-pyd") {
		t.Errorf("bash completes %q", got)
	}
	g.must(t, "sh", "-c", "test -s /usr/share/fish/vendor_completions.d/mochi-pyd.fish && grep -q '#compdef mochi-pyd' /usr/share/zsh/*/_mochi-pyd")
}

// mostExposed is systemd's own score for the unit, 0 to 10, at most.
const mostExposed = 2.0

var exposure = regexp.MustCompile(`Overall exposure level for \S+: (\d+\.\d+)`)

func serves(t *testing.T, g *guest, when string) {
	t.Helper()
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call %s: %v %+v", when, err, a.Error)
	}
}

// files are all of a machine's, but for what is no disk's.
func files(t *testing.T, g *guest) []string {
	t.Helper()
	return strings.Split(g.must(t, "find", "/", "-xdev", "-not", "-path", path.Join("/", "root", "*")), "\n")
}
