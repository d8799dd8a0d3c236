package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/python"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// pythons is a real interpreter's path.
func pythons(t *testing.T) string {
	t.Helper()
	var r python.Resolver
	found, err := r.Resolve(context.Background(), python.Spec{Python: "python3", Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return found.Path
}

func makeVenv(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), pythons(t), "-m", "venv", "--without-pip", dir).CombinedOutput(); err != nil {
		t.Fatalf("venv: %v\n%s", err, out)
	}
}

// place is a module that tells of the process it is in.
const placeModule = `
import os, sys
def environ(): return dict(os.environ)
def cwd(): return os.getcwd()
def prefix(): return sys.prefix
def executable(): return sys.executable
def path(): return sys.path
def name(): return __name__
async def later(): return os.environ.get("WHO")
def _private(): return 1
`

// TestWhatTheKeysSayOfAWorkersProcessIsSo: interpreter, environment, module path and
// directory, of the defaults and of one pool.
func TestWhatTheKeysSayOfAWorkersProcessIsSo(t *testing.T) {
	r := startFile(t, `
[pool-defaults]
python-path = ["first", "lib"]
workers = 1
cwd = "there"
env = { WHO = "all", MODEL = "x" }
[pools.one]
module = "place"
[pools.two]
module = "place"
env = { WHO = "two" }
cwd = "first"
venv = "venv"
[pools.three]
module = "place"
python = "venv/bin/python"
`, map[string]string{"place": placeModule, "which": "def f(): return 'lib'\n"}, func(dir string) {
		for _, sub := range []string{"first", "there"} {
			if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		makeVenv(t, filepath.Join(dir, "venv"))
	})
	c := dial(t, r.host)
	said := func(method string) (text string) {
		t.Helper()
		_ = json.Unmarshal([]byte(call(t, c, method, nil)), &text)
		return text
	}
	for method, want := range map[string]string{
		"one.cwd": filepath.Join(r.dir, "there"), "two.cwd": filepath.Join(r.dir, "first"),
		"one.later": "all", "two.later": "two",
		"two.prefix": filepath.Join(r.dir, "venv"), "two.executable": filepath.Join(r.dir, "venv", "bin", "python"),
		"three.prefix": filepath.Join(r.dir, "venv"), "one.executable": pythons(t), "one.name": "place",
	} {
		if got := said(method); got != want {
			t.Errorf("%s is %q, want %q", method, got, want)
		}
	}
	var one, two map[string]string
	if json.Unmarshal([]byte(call(t, c, "one.environ", nil)), &one) != nil || json.Unmarshal([]byte(call(t, c, "two.environ", nil)), &two) != nil {
		t.Fatal("no environment")
	}
	if one["MODEL"] != "x" || two["MODEL"] != "" || two["VIRTUAL_ENV"] != filepath.Join(r.dir, "venv") {
		t.Errorf("a pool's env takes the place of the defaults': MODEL is %q and %q, VIRTUAL_ENV %q", one["MODEL"], two["MODEL"], two["VIRTUAL_ENV"])
	}
	var path []string
	if json.Unmarshal([]byte(call(t, c, "one.path", nil)), &path) != nil {
		t.Fatal("no path")
	}
	if first, lib := slices.Index(path, filepath.Join(r.dir, "first")), slices.Index(path, filepath.Join(r.dir, "lib")); first < 0 || lib < first {
		t.Errorf("python-path is not searched in its order: %q", path)
	}
	if std := slices.IndexFunc(path, func(p string) bool { return strings.HasSuffix(p, "lib-dynload") }); std < slices.Index(path, filepath.Join(r.dir, "lib")) {
		t.Errorf("python-path is not searched before the others: %q", path)
	}
}

// TestOneProcessServesSeveralModulesAndOnlyTheMethodsNamed.
func TestOneProcessServesSeveralModulesAndOnlyTheMethodsNamed(t *testing.T) {
	who := "import os\ndef pid(): return os.getpid()\ndef other(): return 1\n"
	r := startFile(t, `
[pools.both]
modules = ["here", "there"]
alias = "b"
[pools.some]
module = "here"
methods = ["pid"]
[pools.all]
module = "place"
`, map[string]string{"here": who, "there": who, "place": placeModule})
	c := dial(t, r.host)
	pid := call(t, c, "both.here.pid", nil)
	for _, method := range []string{"both.there.pid", "b.here.pid", "b.there.pid"} {
		if got := call(t, c, method, nil); got != pid {
			t.Errorf("%s runs in %s, want %s", method, got, pid)
		}
	}
	if got := call(t, c, "some.pid", nil); got == pid {
		t.Error("two pools share a process")
	}
	refused(t, c, rpc.KindMethodNotFound, "other", "some.other", nil)
	// Without methods it is what the module defines and does not hide.
	var d described
	if err := json.Unmarshal([]byte(call(t, c, "mochi.describe", object{"module": "all"})), &d); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range d.Methods {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	if want := []string{"cwd", "environ", "executable", "later", "name", "path", "prefix"}; !slices.Equal(names, want) {
		t.Errorf("the public surface is %q, want %q", names, want)
	}
	refused(t, c, rpc.KindMethodNotFound, "private", "all._private", nil)
}

// environment is what the manual says of each variable: handed to a worker always, only
// without a configuration, or never.
var environment = map[string][]string{
	"always":  {"HOME", "LANG", "LC_ALL", "LC_TIME", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME"},
	"without": {"SECRET_OF_THE_DAEMON", "OMP_NUM_THREADS", "USER", "PYTHONPATH", "CUDAX"},
	"never":   {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "PYTHONHOME", "PYTHONSTARTUP"},
}

// TestAWorkerInheritsWhatTheManualSays: all but the daemon's own business without a
// configuration, and with one the few that a process cannot do without.
func TestAWorkerInheritsWhatTheManualSays(t *testing.T) {
	if os.Getenv("PATH") == "" {
		t.Fatal("there is no PATH to inherit")
	}
	dir := t.TempDir()
	for _, names := range environment {
		for _, name := range names {
			t.Setenv(name, dir)
		}
	}
	t.Setenv("LC_ALL", "C.UTF-8") // a locale that there is
	t.Setenv("TZ", "UTC")
	for what, r := range map[string]*running{
		"without": start(t, "", map[string]string{"place": placeModule}),
		"with":    startFile(t, "[pools.place]\n", map[string]string{"place": placeModule}),
	} {
		var got map[string]string
		if err := json.Unmarshal([]byte(call(t, dial(t, r.host), "place.environ", nil)), &got); err != nil {
			t.Fatal(err)
		}
		want := append(slices.Clone(environment["always"]), "PATH")
		if what == "without" {
			want = append(want, environment["without"]...)
		}
		for _, name := range want {
			value := os.Getenv(name)
			behind := name == "PYTHONPATH" && strings.HasSuffix(got[name], ":"+value) // python-path's
			if got[name] != value && !behind {
				t.Errorf("%s a configuration %s is %q, want %q", what, name, got[name], value)
			}
		}
		if what == "with" {
			// python-path's, what the C library adds to any process, and our own mark.
			want = append(want, "PYTHONPATH", "__CF_USER_TEXT_ENCODING", supervisor.MarkVariable)
			for name := range maps.Keys(got) {
				if !slices.Contains(want, name) && !strings.HasPrefix(name, "LC_") && !strings.HasPrefix(name, "CUDA_") && !strings.HasPrefix(name, "SSL_CERT_") {
					t.Errorf("with a configuration a worker has %s", name)
				}
			}
			if want := filepath.Join(r.dir, "lib"); got["PYTHONPATH"] != want {
				t.Errorf("with a configuration PYTHONPATH is %q, want %q", got["PYTHONPATH"], want)
			}
		}
		for _, name := range environment["never"] {
			if value, there := got[name]; there {
				t.Errorf("%s a configuration %s is handed on: %s", what, name, value)
			}
		}
		for name := range got {
			_, inherited := os.LookupEnv(name)
			if strings.HasPrefix(name, "MOCHI_PYD_") && name != supervisor.MarkVariable && (!inherited || what == "with") {
				t.Errorf("%s a configuration a worker has %s", what, name)
			}
		}
	}
}

// TestTheRateOfAWorkersLogIsTheOneOfTheConfiguration, also after a reload.
func TestTheRateOfAWorkersLogIsTheOneOfTheConfiguration(t *testing.T) {
	const pools = "[pools.talkative]\n"
	r := startFile(t, "[daemon]\nlog-rate = 5\n"+pools, map[string]string{"talkative": talkative})
	host, operator := dial(t, r.host), dial(t, r.control)
	const lines = 400
	kept := func(mark string) (n int) {
		call(t, host, "talkative.say", list{lines, mark})
		until(t, operator, fmt.Sprintf("%d %s", lines-1, mark), "mochi.logs", object{"pool": "talkative"}) // the last one is kept
		var l LogRecords
		if err := json.Unmarshal([]byte(call(t, operator, "mochi.logs", object{"pool": "talkative"})), &l); err != nil {
			t.Fatal(err)
		}
		for _, record := range l.Records {
			if strings.HasSuffix(record.Message, " "+mark) {
				n++
			}
		}
		return n
	}
	if n := kept("few"); n > lines/2 {
		t.Errorf("at a rate of 5 a second %d of %d lines were kept", n, lines)
	}
	pids := r.pids(t, "talkative")
	r.say(t, "[daemon]\nlog-rate = 0\n"+pools)
	r.reread(t)
	if n := kept("many"); n != lines {
		t.Errorf("without a limit %d of %d lines were kept", n, lines)
	}
	if now := r.pids(t, "talkative"); !slices.Equal(now, pids) {
		t.Errorf("it had %v and has %v", pids, now)
	}
}

// TestConcurrencyIsOfCoroutinesAndFunctionsRunOneAtATime.
func TestConcurrencyIsOfCoroutinesAndFunctionsRunOneAtATime(t *testing.T) {
	r := startFile(t, "[pools.crowd]\nconcurrency = 3\n", map[string]string{"crowd": `
import asyncio, time
now = most = 0
def _enter(n):
    global now, most
    now += n
    most = max(most, now)
async def anap():
    _enter(1)
    await asyncio.sleep(0.05)
    _enter(-1)
def nap():
    _enter(1)
    time.sleep(0.01)
    _enter(-1)
def peak():
    global most
    was, most = most, 0
    return was
`})
	c := dial(t, r.host)
	const calls = 9
	for method, want := range map[string]string{"crowd.anap": "3", "crowd.nap": "1"} {
		done := make(chan error, calls)
		for range calls {
			go func() { done <- c.Call(t.Context(), method, nil, nil) }()
		}
		for range calls {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if got := call(t, c, "crowd.peak", nil); got != want {
			t.Errorf("%s calls of %s ran at once, want %s", got, method, want)
		}
	}
}
