package pool_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// preloaded is a pool whose workers are forked from one import.
func preloaded(t *testing.T, config pool.Config, source ...string) *serving {
	t.Helper()
	var dirs []string
	if len(source) > 0 {
		config.Name = "own"
		dirs = append(dirs, t.TempDir())
		module(t, dirs[0], source[0])
	}
	return serveWith(t, config, preload, dirs...)
}

// preload gives a pool a nursery.
func preload(o *pool.Options) {
	o.Nursery = supervisor.NewNursery(supervisor.NurseryConfig{
		Pool: o.Name, Spawner: o.Spawner, Hook: o.Hook, StartTimeout: o.StartTimeout, StopTimeout: time.Second,
	})
}

func module(t *testing.T, dir, source string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "own.py"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
}

// parent is the process a worker is a child of.
func parent(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	n, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestForkedWorkersServeLikeAnyOther(t *testing.T) {
	s := preloaded(t, pool.Config{Workers: 2})
	s.ready(2)
	s.want(s.call("add", 3, 4), "7")
	s.want(s.call("asleep", 0.01), "0.01")
	s.want(s.call("later", 0.01), "0.01")
	serving, _ := s.pids()
	home := parent(t, serving[0])
	if home == os.Getpid() || parent(t, serving[1]) != home {
		t.Errorf("workers %v have not one parent, and another than us", serving)
	}
	if n := len(of[supervisor.Preloaded](s.events)); n != 1 {
		t.Errorf("%d imports", n)
	}
}

func TestAForkedWorkersDeathIsToldLikeAnyOthers(t *testing.T) {
	s := preloaded(t, pool.Config{Workers: 1})
	s.want(s.call("add", 1, 1), "2")
	for _, c := range []struct{ function, field, want string }{
		{"segfault", "signal", `"SIGSEGV"`},
		{"leave", "exit_code", "3"},
	} {
		s.want(s.call("add", 1, 1), "2")
		args := []any{}
		if c.function == "leave" {
			args = append(args, 3)
		}
		r := s.call(c.function, args...)
		if r.err.Kind() != rpc.KindWorkerLost {
			t.Fatalf("%s: %v", c.function, r.err)
		}
		var data map[string]json.RawMessage
		if err := json.Unmarshal(r.err.Data, &data); err != nil || string(data[c.field]) != c.want || string(data["started"]) != "true" {
			t.Errorf("%s: %s", c.function, r.err.Data)
		}
	}
	s.want(s.call("add", 1, 1), "2")
	if n := len(of[supervisor.Preloaded](s.events)); n != 1 {
		t.Errorf("%d imports", n)
	}
}

func TestAForkedWorkerIsReplacedWithoutAnImport(t *testing.T) {
	s := preloaded(t, pool.Config{Workers: 1}, "import os, time\ntime.sleep(1)\ndef pid(): return os.getpid()\n")
	s.ready(1)
	inTime(t, 500*time.Millisecond, "the answer after a death", func() time.Duration {
		old := s.call("pid").result
		pid, err := strconv.Atoi(old)
		if err != nil {
			t.Fatal(err)
		}
		s.kill(pid)
		begin := time.Now()
		for {
			if r := s.call("pid"); r.err == nil && r.result != old {
				return time.Since(begin)
			}
		}
	})
}

func TestTheDeathOfTheForkingProcessEndsItsWorkersAndIsHealed(t *testing.T) {
	s := preloaded(t, pool.Config{Workers: 2, MaxQueue: 4096})
	s.ready(2)
	s.want(s.call("add", 1, 1), "2")
	answered, lost := 0, 0
	for range 3 {
		s.ready(2)
		serving, _ := s.pids()
		home := parent(t, serving[0])
		calls := make([]<-chan reply, 300)
		for i := range calls {
			calls[i] = s.start("add", i, 0)
			if i == 100 {
				s.kill(home)
			}
		}
		for i, c := range calls {
			if r := s.get(c); r.err == nil {
				s.want(r, strconv.Itoa(i))
				answered++
			} else if lost++; r.err.Kind() != rpc.KindWorkerLost {
				t.Errorf("call %d: %v", i, r.err)
			}
		}
		for _, pid := range append(serving, home) {
			s.eventually("nothing of it is left", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
		}
	}
	if lost > 6 { // one call runs on a worker at a time
		t.Errorf("%d calls were lost and %d answered", lost, answered)
	}
	for _, e := range of[supervisor.PreloadEnded](s.events) {
		if e.Reason != supervisor.ReasonSignal {
			t.Errorf("it is said to have ended by %s", e.Reason)
		}
	}
	s.want(s.call("add", 1, 1), "2")
}

func TestAForkingProcessThatIsStoppedKeepsNobodyWaiting(t *testing.T) {
	s := preloaded(t, pool.Config{Workers: 1})
	s.want(s.call("add", 1, 1), "2")
	serving, _ := s.pids()
	if err := syscall.Kill(parent(t, serving[0]), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	long := s.start("sleep", 60)
	s.eventually("the call has started", func() bool { return len(s.Stat().Slots[0].Worker.Running) == 1 })
	s.kill(serving[0])
	if r := s.get(long); r.err.Kind() != rpc.KindWorkerLost || r.took > 10*time.Second {
		t.Errorf("the call was answered %v after %v", r.err, r.took)
	}
	s.eventually("the pool is whole again", func() bool {
		now, _ := s.pids()
		return len(now) == 1 && now[0] != serving[0]
	})
	s.want(s.call("add", 1, 1), "2")
}

func TestAReloadImportsAnewAndTheOldCodeServesUntilThen(t *testing.T) {
	dir := t.TempDir()
	module(t, dir, "def version(): return 1\n")
	s := serveWith(t, pool.Config{Name: "own", Workers: 2}, preload, dir)
	s.ready(2)
	s.want(s.call("version"), "1")
	module(t, dir, "def version(: return 2\n")
	if _, err := s.Reload(t.Context()); rpc.AsError(err).Kind() != rpc.KindImportFailed {
		t.Errorf("the error of the new code is %v", err)
	}
	s.want(s.call("version"), "1")
	module(t, dir, "def version(): return  2222\n")
	if n, err := s.Reload(t.Context()); n != 2 || err != nil {
		t.Fatalf("%d replaced: %v", n, err)
	}
	s.want(s.call("version"), "2222")
	s.eventually("the old import is gone", func() bool { return len(of[supervisor.PreloadEnded](s.events)) == 2 })
}

func TestAnImportThatCannotBePreloadedSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		stage  string
		says   []string
		kind   rpc.Kind
	}{
		"a thread":        {"import threading, time\nthreading.Thread(target=time.sleep, args=(60,), name='poller', daemon=True).start()\n", "import", []string{"poller", "preload = false"}, rpc.KindPoolUnavailable},
		"a hang":          {"import time\ntime.sleep(600)\n", "import", []string{"start-timeout"}, rpc.KindPoolUnavailable},
		"a failed fork":   {"import os, errno\ndef no(): raise OSError(errno.EAGAIN, 'no')\nos.fork = no\n", "exec", []string{"fork", "TasksMax"}, rpc.KindPoolUnavailable},
		"a glutton":       {"import time\nx = b'x' * (150 << 20)\ntime.sleep(600)\n", "import", []string{"max-memory-hard"}, rpc.KindPoolUnavailable},
		"a failed import": {"raise ValueError('spoilt')\n", "", []string{"spoilt"}, rpc.KindImportFailed},
	} {
		t.Run(name, func(t *testing.T) {
			s := preloaded(t, pool.Config{Workers: 1, StartTimeout: 5 * time.Second, MaxMemoryHard: 100 << 20}, c.source)
			r := s.call("anything")
			if r.err.Kind() != c.kind {
				t.Fatalf("answered %v", r.err)
			}
			var data struct {
				Stage string `json:"stage"`
				Hint  string `json:"hint"`
			}
			if err := json.Unmarshal(r.err.Data, &data); err != nil || c.stage != "" && data.Stage != c.stage || data.Hint == "" {
				t.Errorf("data: %s", r.err.Data)
			}
			for _, word := range c.says {
				if !strings.Contains(r.err.Message, word) {
					t.Errorf("%q is not in: %s", word, r.err.Message)
				}
			}
		})
	}
}

func TestNumericalWorkersForkWithNumbersOfTheirOwn(t *testing.T) {
	python, err := interpreter()
	if err != nil {
		t.Fatal(err)
	}
	if exec.Command(python, "-c", "import numpy").Run() != nil {
		t.Skipf("%s has no numpy; make test runs this with one that has", python)
	}
	s := preloaded(t, pool.Config{Workers: 2}, "import os, numpy, numpy.random, random\n"+
		"def draw(): return [os.getpid(), float(numpy.random.random()), random.random(), os.environ.get('OPENBLAS_NUM_THREADS')]\n"+
		"def product(): return float(numpy.ones((300, 300)).dot(numpy.ones((300, 300)))[0, 0])\n")
	s.ready(2)
	s.want(s.call("product"), "300.0")
	drawn := map[string]int{}
	pids := map[int]bool{}
	for i := 0; len(pids) < 6; i++ {
		r := s.call("draw")
		var got struct {
			pid     int
			a, b    float64
			threads *string
		}
		if err := json.Unmarshal([]byte(r.result), &[]any{&got.pid, &got.a, &got.b, &got.threads}); err != nil {
			t.Fatalf("%s %v: %v", r.result, r.err, err)
		}
		if got.threads != nil && os.Getenv("OPENBLAS_NUM_THREADS") == "" {
			t.Errorf("the worker's environment has OPENBLAS_NUM_THREADS=%s", *got.threads)
		}
		if !pids[got.pid] {
			pids[got.pid] = true
			drawn[fmt.Sprint(got.a)]++
			drawn[fmt.Sprint(got.b)]++
		}
		s.kill(got.pid)
		s.eventually("it is replaced", func() bool {
			serving, _ := s.pids()
			return len(serving) == 2 && serving[0] != got.pid && serving[1] != got.pid
		})
	}
	for number, times := range drawn {
		if times > 1 {
			t.Errorf("%d workers drew %s", times, number)
		}
	}
}

func TestAHomeThatDiesBetweenAForkAndItsReportLeavesNoSecondWorkerOnTheWire(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "died")
	s := preloaded(t, pool.Config{Workers: 1}, fmt.Sprintf(`
import os, signal
def die():
    if not os.path.exists(%q):
        open(%[1]q, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
os.register_at_fork(after_in_parent=die)
def pid(): return os.getpid()
`, flag))
	s.ready(1)
	serving, _ := s.pids()
	for range 100 {
		s.want(s.call("pid"), strconv.Itoa(serving[0]))
	}
	for _, e := range of[supervisor.Exited](s.events) {
		t.Errorf("a worker ended: %s %s", e.Reason, e.Detail)
	}
	if n := len(of[supervisor.Preloaded](s.events)); n != 2 {
		t.Errorf("%d imports", n)
	}
}

func TestAHomeThatDiesInsteadOfReapingLeavesNoZombie(t *testing.T) {
	s := preloaded(t, pool.Config{Workers: 1}, `
import os, signal
def waitpid(*_):
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid = waitpid
def pid(): return os.getpid()
`)
	s.ready(1)
	serving, _ := s.pids()
	s.want(s.call("pid"), strconv.Itoa(serving[0]))
	s.kill(serving[0])
	s.eventually("it has a successor and is reaped", func() bool {
		now, _ := s.pids()
		_, err := os.Stat(fmt.Sprintf("/proc/%d", serving[0]))
		return len(now) == 1 && now[0] != serving[0] && os.IsNotExist(err)
	})
}

func TestAModuleThatIgnoresItsChildrensDeathsIsPreloadedLikeAnyOther(t *testing.T) {
	s := preloaded(t, pool.Config{Workers: 1}, `
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def pid(): return os.getpid()
def ignores(): return signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
`)
	s.ready(1)
	s.want(s.call("ignores"), "true") // in the worker it is as the module has it
	serving, _ := s.pids()
	s.kill(serving[0])
	s.eventually("it has a successor", func() bool {
		now, _ := s.pids()
		return len(now) == 1 && now[0] != serving[0]
	})
	s.want(s.call("ignores"), "true")
	if n := len(of[supervisor.Preloaded](s.events)); n != 1 {
		t.Errorf("%d imports", n)
	}
}
