package acceptance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestNothingOutlivesAKilledDaemon: workers that hold the GIL in C, and what
// they forked, are gone a second after kill -9 of the daemon; so are workers that
// were forked themselves, and the process that forked them.
func TestNothingOutlivesAKilledDaemon(t *testing.T) {
	for name, config := range map[string]string{"executed": "", "forked": "[pools.holds_gil]\npreload = true\n"} {
		t.Run(name, func(t *testing.T) { nothingOutlives(t, config) })
	}
}

func nothingOutlives(t *testing.T, config string) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here: the test finds a worker's process group in it")
	}
	const workers = 4
	promptly(t, "kill -9 of the daemon to the last worker's end", time.Second, func() time.Duration {
		d, err := rig.Start(context.WithoutCancel(t.Context()), rig.Options{Binary: binary, Python: python, PythonPath: fixtures, Workers: workers, Config: config})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := d.Remove(); err != nil {
				t.Errorf("%v", err)
			}
		}()
		h := dial(t, d)
		busy(t, d, h, workers)
		rows, err := d.Workers("holds_gil")
		if err != nil {
			t.Fatal(err)
		}
		groups := map[int]bool{}
		for _, w := range rows {
			groups[w.PID] = true
		}
		if before := living(t, groups); before != workers+workers/2 {
			t.Fatalf("%d processes in the workers' groups before the kill, want %d workers and %d forks", before, workers, workers/2)
		}
		if config != "" {
			home := parentOf(t, rows[0].PID)
			if home == d.PID() {
				t.Fatal("the workers were not forked from a process of their own")
			}
			groups[home] = true
		}
		started := time.Now()
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
		if !rig.Until(10*time.Second, func() bool { return living(t, groups) == 0 }) {
			t.Fatalf("%d processes still live 10 s after kill -9 of the daemon", living(t, groups))
		}
		return time.Since(started)
	})
}

// parentOf is the process that a worker is a child of.
func parentOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	parent, err := strconv.Atoi(strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))[1])
	if err != nil {
		t.Fatal(err)
	}
	return parent
}

// busy puts every worker into C with the GIL held, every second one with a fork
// beside it, and waits until the operator's view shows all of them at it.
func busy(t *testing.T, d *rig.Daemon, h *rig.Host, workers int) {
	t.Helper()
	if a, err := h.Call("holds_gil.hold", "[0]"); err != nil || a.Error != nil {
		t.Fatalf("%v %+v", err, a.Error)
	}
	whole(t, d, "holds_gil")
	for id := range workers {
		method := "holds_gil.hold"
		if id%2 == 1 {
			method = "holds_gil.fork_and_hold"
		}
		if err := h.Send(rig.Request(1000+id, method, "[600]")); err != nil {
			t.Fatal(err)
		}
	}
	if !rig.Until(10*time.Second, func() bool {
		rows, err := d.Workers("holds_gil")
		if err != nil || len(rows) != workers {
			return false
		}
		groups := map[int]bool{}
		for _, w := range rows {
			groups[w.PID] = true
		}
		return living(t, groups) == workers+workers/2
	}) {
		t.Fatalf("the workers are not busy with their forks after 10 s\n%s", d.Log.Tail())
	}
}

// living counts the processes of the groups that are not dead; one that is dead
// and waits for init to bury it counts as dead.
func living(t *testing.T, groups map[int]bool) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it ended between the listing and the look
		}
		// pid (name) state ppid pgrp …: the name may hold anything, a bracket too.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		group, err := strconv.Atoi(fields[2])
		if err == nil && groups[group] && fields[0] != "Z" && fields[0] != "X" {
			n++
		}
	}
	return n
}

// TestANewDaemonTakesTheStaleSocketsOver: what a killed daemon left behind is in
// nobody's way.
func TestANewDaemonTakesTheStaleSocketsOver(t *testing.T) {
	first, err := rig.Start(context.WithoutCancel(t.Context()), rig.Options{Binary: binary, Python: python})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	second, err := first.Again(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if got := call(t, dial(t, second), "math.sqrt", "[9]"); got != "3.0" {
		t.Errorf("the second daemon answered %s", got)
	}
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
}

// TestALiveDaemonsSocketIsNotStolen: the second one says so and ends.
func TestALiveDaemonsSocketIsNotStolen(t *testing.T) {
	d := serve(t, rig.Options{})
	const limit = 20 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	second := exec.CommandContext(ctx, binary, "serve", "--socket", d.Socket, "--control-socket", d.Control)
	out, err := second.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Errorf("a second daemon started on the first one's sockets (or took %s to refuse)", limit)
	}
	if !strings.Contains(string(out), d.Socket) {
		t.Errorf("the second daemon does not name the socket: %s", out)
	}
	if got := call(t, dial(t, d), "math.sqrt", "[9]"); got != "3.0" {
		t.Errorf("the first daemon answered %s afterwards", got)
	}
}

// TestTheDaemonDrainsOnSIGTERM answers what is in flight before it ends.
func TestTheDaemonDrainsOnSIGTERM(t *testing.T) {
	d, err := rig.Start(context.WithoutCancel(t.Context()), rig.Options{Binary: binary, Python: python, PythonPath: fixtures})
	if err != nil {
		t.Fatal(err)
	}
	h := dial(t, d)
	call(t, h, "both.nap", "[0]")
	if err := h.Send(rig.Request(7, "both.nap", "[0.3]")); err != nil {
		t.Fatal(err)
	}
	if !rig.Until(5*time.Second, func() bool { return d.Busy("both") > 0 }) {
		t.Fatal("the call is not in flight after 5 s")
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	a, err := h.Read()
	if err != nil || string(a.Result) != "0.3" {
		t.Errorf("the call in flight got %s %+v %v, want its result", a.Result, a.Error, err)
	}
	if _, err := os.Stat(d.Socket); err == nil {
		t.Error("the socket is still there after a clean end")
	}
}
