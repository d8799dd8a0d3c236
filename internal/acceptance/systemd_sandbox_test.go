package acceptance

import (
	"strings"
	"testing"
)

// sandboxed does what modules do that a sandbox may forbid.
const sandboxed = `
import ctypes, errno, mmap, os, socket, sqlite3, subprocess, sys, tempfile, threading

def everything():
    done = []
    done.append(subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True, check=True).stdout.strip())
    callback = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 7)
    done.append(str(callback()))
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"x")
    with open("state", "w") as f:
        f.write("x")
    sqlite3.connect(":memory:").execute("select 1")
    socket.create_server(("127.0.0.1", 0)).close()
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    os.cpu_count()
    open("/proc/meminfo").close()
    t = threading.Thread(target=lambda: done.append("thread"))
    t.start()
    t.join()
    return done

def forbidden():
    out = {}
    for name in ("/usr/x", "/etc/x", "/opt/x"):
        try:
            open(name, "w").close()
            out[name] = "written"
        except OSError as e:
            out[name] = type(e).__name__
    return sorted(set(out.values()))

def lonely():
    try:
        socket.socket(socket.AF_INET)
    except OSError as e:
        return "no network"
    return "network"

def makes_code():
    try:
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError as e:
        return type(e).__name__
    return "made"

def sees_the_card():
    return os.path.exists("/dev/card-of-the-test")

def is_answered(name):
    # What the kernel answers a system call that is given no argument of sense.
    # Their numbers are the same on all machines, but for ptrace's.
    number = {"clone3": 435, "ptrace": 101 if os.uname().machine == "x86_64" else 117}[name]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(number, -1, 0, 0, 0)
    return errno.errorcode[ctypes.get_errno()]

def makes_a_group():
    own = next(line for line in open("/proc/self/cgroup") if line.startswith("0::"))[3:].strip()
    made = "/sys/fs/cgroup" + own + "/made"
    os.mkdir(made)
    os.rmdir(made)
    return own

def inherited():
    names = [n for n in os.environ if n.startswith(("NOTIFY_", "LISTEN_", "WATCHDOG_", "CREDENTIALS_", "JOURNAL_"))]
    for fd in os.listdir("/proc/self/fd"):
        try:
            where = os.readlink("/proc/self/fd/" + fd)
        except FileNotFoundError: # the listing's own
            continue
        if where.startswith("socket:"):
            names.append(fd)
    return names

def poses_as_the_daemon():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(b"STOPPING=1\nSTATUS=a worker says so", "/run/systemd/notify")
`

// TestTheSandboxLetsModulesWork: what the unit forbids is not what modules need;
// with the drop-ins it starts and serves as well.
func TestTheSandboxLetsModulesWork(t *testing.T) {
	g := machine(t, "[pools.box]\nmodule = \"box\"\n", map[string]string{"box": sandboxed}, nil)
	g.must(t, "mknod", "-m", "666", "/dev/card-of-the-test", "c", "1", "3")
	ask := func(method, params, want string) {
		t.Helper()
		a, err := g.once("box."+method, params)
		if err != nil || a.Error != nil || string(a.Result) != want {
			t.Errorf("%s(%s): %v %+v %s, want %s", method, params, err, a.Error, a.Result, want)
		}
	}
	const works = `["1","7","thread"]`
	ask("everything", "", works)
	ask("makes_code", "", `"made"`)
	ask("sees_the_card", "", "false")
	if a, err := g.once("box.forbidden", ""); err != nil || a.Error != nil || strings.Contains(string(a.Result), "written") {
		t.Errorf("forbidden: %v %+v %s", err, a.Error, a.Result)
	}
	// RestrictNamespaces= cannot look into clone3's arguments, and has it answered
	// as on kernels that do not know it; that there is a worker to say so is what
	// is shown here.
	ask("is_answered", `["clone3"]`, `"ENOSYS"`)
	// What the filter refuses is refused, and nobody is killed for trying.
	ask("is_answered", `["ptrace"]`, `"EPERM"`)
	// Delegate= would be for nothing with ProtectControlGroups=.
	ask("makes_a_group", "", `"/system.slice/mochi-pyd.service"`)
	ask("inherited", "", "[]")
	ask("poses_as_the_daemon", "", "null")
	if said := g.must(t, "sh", "-c", "journalctl --sync; journalctl -q _PID=1"); !strings.Contains(said, "reception only permitted for main PID") {
		t.Errorf("systemd does not say that it refused a worker's word:\n%s", said)
	}
	if state, status := g.show("ActiveState"), g.show("StatusText"); state != "active" || !strings.HasPrefix(status, "serving") {
		t.Errorf("after a worker's word the service is %s: %s", state, status)
	}

	g.dropIn(t, "drop-in", shippedFile(t, "drop-ins/gpu.conf"))
	g.must(t, "systemctl", "restart", "mochi-pyd.service")
	ask("everything", "", works)
	ask("sees_the_card", "", "true")
	ask("lonely", "", `"network"`)
	g.dropIn(t, "drop-in", shippedFile(t, "drop-ins/strict.conf"))
	g.must(t, "systemctl", "restart", "mochi-pyd.service")
	ask("lonely", "", `"no network"`)
	ask("makes_code", "", `"PermissionError"`)
	ask("sees_the_card", "", "false")

	// Without a configuration workers inherit the daemon's environment, but for its
	// own business with systemd.
	g.dropIn(t, "drop-in", "[Service]\nEnvironment=PYTHONPATH=/srv/py\nExecStart=\nExecStart=/usr/bin/mochi-pyd serve")
	g.must(t, "systemctl", "restart", "mochi-pyd.service")
	ask("inherited", "", "[]")
}
