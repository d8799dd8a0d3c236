package supervisor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDaemonKilledTakesWorkersAlong is faults.md, F14: a daemon that is killed
// with 8 workers busy in C, and their forks, leaves nothing behind.
func TestDaemonKilledTakesWorkersAlong(t *testing.T) {
	command, err := json.Marshal(miniCommand(t, "mini"))
	if err != nil {
		t.Fatal(err)
	}
	daemon := exec.CommandContext(t.Context(), os.Args[0])
	daemon.Env = append(os.Environ(), roleVariable+"=daemon", roleVariable+"_COMMAND="+string(command))
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	daemon.Stdout, daemon.Stderr = write, os.Stderr
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	var pids []int
	out := bufio.NewReader(read)
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("the daemon ended early: %v", err)
		}
		if line == "all\n" {
			break
		}
		for _, f := range strings.Fields(line) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) != 16 {
		t.Fatalf("8 workers and 8 forks, not %v", pids)
	}
	for _, pid := range pids {
		if !running(pid) {
			t.Fatalf("%d is not running to begin with", pid)
		}
	}
	t.Cleanup(func() {
		for _, pid := range pids {
			if t.Failed() && running(pid) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // nobody else would, for ten minutes
			}
		}
	})
	killed := time.Now()
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait()
	eventually(t, "all of them are gone", time.Second, func() bool {
		return !slices.ContainsFunc(pids, running)
	})
	t.Logf("8 workers and their 8 forks were gone %v after the daemon", time.Since(killed))
}

// running says that there is such a process and it is not a zombie.
func running(pid int) bool {
	st, ok := readStat(pid)
	return ok && st.state != 'Z' && st.state != 'X'
}

// childrenNow are the children of this process, the dead ones included.
func childrenNow() []int {
	pids := ownChildren()
	slices.Sort(pids)
	return pids
}

func TestForkThatHoldsStderrDelaysNoDeath(t *testing.T) {
	for _, method := range []string{"fork", "daemonize"} {
		t.Run(method, func(t *testing.T) {
			before := childrenNow()
			w, o := readyMini(t)
			a := ask1(t, w, method, []any{600})
			child, err := strconv.Atoi(a.result)
			if err != nil || !running(child) {
				t.Fatalf("no child: %+v", a)
			}
			killed := time.Now()
			if err := syscall.Kill(w.ID().PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			await(t, o.gone, "the death")
			took := time.Since(killed)
			if took > time.Second {
				t.Errorf("the death was seen after %v", took)
			}
			if running(child) {
				t.Error("the child is still running")
			}
			if _, ok := readStat(child); ok {
				t.Error("the child was not reaped")
			}
			if after := childrenNow(); !slices.Equal(before, after) {
				t.Errorf("children before %v, after %v", before, after)
			}
			if o.exit.Reason != ReasonSignal {
				t.Errorf("%+v", o.exit)
			}
			t.Logf("dead and buried %v after the kill", took)
		})
	}
}

func TestWorkerStartsWithItsOwnDescriptorsOnly(t *testing.T) {
	stranger, err := os.Open(os.DevNull) // close-on-exec, as everything of Go's
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	w, _ := readyMini(t)
	var fds []int
	if err := json.Unmarshal([]byte(ask1(t, w, "fds", nil).result), &fds); err != nil {
		t.Fatal(err)
	}
	// 0 to 9 are the wire's; Python's own are its copy of the board's and the
	// directory it lists.
	if len(fds) > 12 || !slices.Equal(fds[:10], []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("descriptors: %v", fds)
	}
	var flags map[string]bool
	if err := json.Unmarshal([]byte(ask1(t, w, "flags", nil).result), &flags); err != nil {
		t.Fatal(err)
	}
	if flags["in"] || flags["loop"] || flags["out"] || !flags["control"] {
		t.Errorf("non-blocking: %v; only control is to be", flags)
	}
}

func TestWorkerGetsNoNewPrivilegesAndTheDaemonKeepsItsOwn(t *testing.T) {
	w, _ := readyMini(t)
	var status map[string]string
	if err := json.Unmarshal([]byte(ask1(t, w, "status", nil).result), &status); err != nil {
		t.Fatal(err)
	}
	if status["NoNewPrivs"] != "1" {
		t.Errorf("NoNewPrivs: %q", status["NoNewPrivs"])
	}
	mine, err := os.ReadFile("/proc/self/status") // the thread group's leader
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mine), "NoNewPrivs:\t1") {
		t.Log("this process had no new privileges to begin with: the daemon's half shows nothing")
	}
	if a := ask1(t, w, "env", []any{MarkVariable}); !strings.HasPrefix(a.result, `"`+markPrefix) {
		t.Errorf("mark: %s", a.result)
	}
}

func TestNothingIsLeftOfManyWorkers(t *testing.T) {
	run := func() {
		w, o := readyMini(t)
		ask1(t, w, "echo", []any{1})
		w.Stop(ReasonScale)
		await(t, o.gone, "the end")
		await(t, w.Done(), "done")
	}
	run() // what is made once is made
	fds, threads, children := openFds(t), countThreads(t), childrenNow()
	for range 10 {
		run()
	}
	if n := openFds(t); n > fds {
		t.Errorf("%d descriptors before, %d after", fds, n)
	}
	if n := countThreads(t); n > threads+2 {
		t.Errorf("%d threads before, %d after", threads, n)
	}
	if now := childrenNow(); !slices.Equal(children, now) {
		t.Errorf("children before %v, after %v", children, now)
	}
}

func countThreads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestLifelineReadEndIsNumberedBelow(t *testing.T) {
	low, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer low.Close()
	w, err := newWire(1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.closeWorkerEnds()
	// Turn the two round and see them put right.
	read, write := fdOf(t, w.lifeRead), fdOf(t, w.life)
	spare, err := unix.FcntlInt(uintptr(read), unix.F_DUPFD_CLOEXEC, write+1)
	if err != nil {
		t.Fatal(err)
	}
	w.lifeRead = os.NewFile(uintptr(spare), "read end")
	w.ours = append(w.ours, w.lifeRead)
	if err := w.orderLifeline(); err != nil {
		t.Fatal(err)
	}
	if r, wr := fdOf(t, w.lifeRead), fdOf(t, w.life); r > wr {
		t.Errorf("read end %d, write end %d", r, wr)
	}
}

func fdOf(t *testing.T, f *os.File) int {
	t.Helper()
	n := -1
	if err := withFd(f, func(fd int) error { n = fd; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOOMIsClaimedOnlyWhenTheKernelCountedOne(t *testing.T) {
	dir := t.TempDir()
	events := dir + "/group/memory.events"
	if err := os.MkdirAll(dir+"/group", 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(events, "low 0\noom 5\noom_kill 3\n")
	write(dir+"/cgroup", "1:name=systemd:/\n0::/group\n")
	var o oomCounter
	o.file, o.key = oomFile(dir+"/cgroup", dir)
	if o.file != events {
		t.Fatalf("found %q", o.file)
	}
	o.seen, _ = o.read()
	now := time.Now()
	if o.claim(now) {
		t.Error("claimed what was there before")
	}
	write(events, fmt.Sprintf("oom_kill %d\n", 4))
	if !o.claim(now) || o.claim(now) {
		t.Error("one kill is one claim")
	}
	write(events, "oom_kill 6\n")
	o.age(now) // two that were no worker's, or a worker's that is not reaped yet
	if !o.claim(now.Add(oomKeeps - 1)) {
		t.Error("a kill was forgotten before its time")
	}
	if o.claim(now.Add(oomKeeps)) {
		t.Error("a kill that was no worker's became a later death's cause")
	}
	write(events, "oom_kill 7\n")
	if !o.claim(now.Add(oomKeeps)) {
		t.Error("a new kill was not seen behind the forgotten ones")
	}
	if file, _ := oomFile(dir+"/nothing", dir); file != "" {
		t.Error("found a counter without a group")
	}
}
