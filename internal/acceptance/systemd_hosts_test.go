package acceptance

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestOverARestartEveryCallThatWasSentIsAnswered: hosts that keep a connection
// and send without waiting get, for each request they could write, a result or
// shutting_down before the connection ends; then they connect again and wait.
func TestOverARestartEveryCallThatWasSentIsAnswered(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	g.must(t, "systemctl", "start", "mochi-pyd.service")
	const hosts = 3
	stop := make(chan struct{})
	var running sync.WaitGroup
	counts := make([]tallied, hosts)
	for i := range hosts {
		running.Go(func() {
			for counts[i].err == nil {
				select {
				case <-stop:
					return
				default:
					g.connection(&counts[i], stop)
				}
			}
		})
	}
	for range restarts {
		before := g.mainPID(t)
		g.must(t, "systemctl", "restart", "mochi-pyd.service")
		if g.mainPID(t) == before {
			t.Error("a restart kept the process")
		}
	}
	close(stop)
	running.Wait()
	for i, c := range counts {
		t.Logf("host %d: %+v", i, c)
		if c.err != nil {
			t.Errorf("host %d: %v", i, c.err)
		}
		if c.results == 0 || c.connections < restarts {
			t.Errorf("host %d had %d results on %d connections", i, c.results, c.connections)
		}
	}
}

// tallied is what one host saw.
type tallied struct {
	connections, results, refused int
	err                           error
}

// connection sends at a steady rate on one connection until it ends, or until
// stop, and holds what came back against what was sent.
func (g *guest) connection(c *tallied, stop <-chan struct{}) {
	h, err := rig.Dial(g.host)
	if err != nil {
		c.err = err
		return
	}
	defer h.Close()
	c.connections++
	ended := make(chan struct{})
	answers := map[string]string{}
	var bad error
	go func() {
		defer close(ended)
		for {
			a, err := h.Read()
			if err != nil {
				return // the end of the connection; what it owes is counted below
			}
			if a.Error != nil && a.Error.Kind() != "shutting_down" {
				bad = fmt.Errorf("call %s failed with %+v", a.ID, a.Error)
			}
			answers[string(a.ID)] = a.Error.Kind()
		}
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	sent, stopped := 0, false
	for !stopped {
		select {
		case <-stop:
			stopped = true
			continue
		case <-ended:
			stopped = true
			continue
		case <-tick.C:
		}
		if h.Send(rig.Request(sent+1, "naps.nap", "")) != nil {
			break // a request that could not be written is nobody's
		}
		sent++
	}
	h.Finish()
	<-ended
	for id := 1; id <= sent; id++ {
		kind, ok := answers[fmt.Sprint(id)]
		switch {
		case !ok:
			c.err = fmt.Errorf("call %d of %d on a connection was written and never answered", id, sent)
			return
		case kind == "":
			c.results++
		default:
			c.refused++
		}
	}
	c.err = bad
}

// sandboxed does what modules do that a sandbox may forbid.
const sandboxed = `
import ctypes, mmap, os, socket, sqlite3, subprocess, sys, tempfile, threading

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
`

// TestTheSandboxLetsModulesWork: what the unit forbids is not what modules need;
// with the drop-ins it starts and serves as well.
func TestTheSandboxLetsModulesWork(t *testing.T) {
	g := machine(t, "[pools.box]\nmodule = \"box\"\n", map[string]string{"box": sandboxed}, nil)
	ask := func(method string) string {
		t.Helper()
		a, err := g.once(method, "")
		if err != nil || a.Error != nil {
			t.Errorf("%s: %v %+v", method, err, a.Error)
		}
		return string(a.Result)
	}
	if got := ask("box.everything"); got != `["1","7","thread"]` {
		t.Errorf("box.everything gave %s", got)
	}
	if got := ask("box.forbidden"); strings.Contains(got, "written") {
		t.Errorf("box.forbidden gave %s", got)
	}
	for dropIn, want := range map[string]string{"gpu": `"network"`, "strict": `"no network"`} {
		g.must(t, "sh", "-c", "rm -rf /etc/systemd/system/mochi-pyd.service.d; mkdir /etc/systemd/system/mochi-pyd.service.d")
		g.must(t, "sh", "-c", "cat >/etc/systemd/system/mochi-pyd.service.d/drop-in.conf <<'END'\n"+shippedFile(t, "drop-ins/"+dropIn+".conf")+"END\nsystemctl daemon-reload && systemctl restart mochi-pyd.service")
		if got := ask("box.lonely"); got != want {
			t.Errorf("with the drop-in %s: %s, want %s", dropIn, got, want)
		}
	}
}

// TestWithoutTheSocketUnitsTheDaemonBindsItsOwn in the same directory, and takes
// them along when it stops.
func TestWithoutTheSocketUnitsTheDaemonBindsItsOwn(t *testing.T) {
	g := machine(t, napPool, napping, nil)
	g.must(t, "systemctl", "stop", "mochi-pyd.socket", "mochi-pyd-control.socket")
	g.must(t, "sh", "-c", "rm /etc/systemd/system/mochi-pyd*.socket && systemctl daemon-reload && systemctl start mochi-pyd.service")
	if a, err := g.once("naps.nap", ""); err != nil || a.Error != nil {
		t.Errorf("a call: %v %+v", err, a.Error)
	}
	if mode := g.must(t, "stat", "-c", "%a %U", "/run/mochi-pyd/rpc.sock", "/run/mochi-pyd/ctl.sock"); mode != "660 mochi-pyd\n600 mochi-pyd" {
		t.Errorf("the sockets have %q", mode)
	}
	g.must(t, "systemctl", "stop", "mochi-pyd.service")
	if out := g.must(t, "ls", "-A", "/run/mochi-pyd"); out != "" {
		t.Errorf("/run/mochi-pyd has %q", out)
	}
}
