package acceptance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// The tests of row F16: what the system refuses is an error and a backoff, and
// never the daemon's end; what is mended heals by itself.

// heals waits until a call that was refused gives its result.
func heals(t *testing.T, h *rig.Host, method, params, want string) {
	t.Helper()
	var last rig.Answer
	if !rig.Until(gentle, func() bool {
		a, err := h.Call(method, params)
		if err != nil {
			t.Fatal(err)
		}
		last = a
		return string(a.Result) == want
	}) {
		t.Errorf("%s is still answered %s %+v after %s", method, last.Result, last.Error, gentle)
	}
}

// TestAnInterpreterThatIsNotThereCostsItsPoolAndHealsWhenItIs: the error names
// the path and the stage, other pools serve, and once the interpreter is there
// the pool opens.
func TestAnInterpreterThatIsNotThereCostsItsPoolAndHealsWhenItIs(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "python3")
	d := serve(t, rig.Options{Config: fmt.Sprintf("[pools.both]\npython = %q\n[pools.bare]\nmodule = \"zoo\"\npython = %q\n", python, missing)})
	h := dial(t, d)
	failure := refused(t, h, "pool_unavailable", "bare.add", "[3,4]")
	stage, hint := failure.Data["stage"], failure.Data["hint"]
	if stage != "exec" && stage != "interpreter" || hint == nil || hint == "" || !strings.Contains(failure.Message, missing) {
		t.Errorf("the error names not the stage, the path or what to do: %s %v", failure.Message, failure.Data)
	}
	if got := call(t, h, "both.add", "[3,4]"); got != "7" {
		t.Errorf("the other pool answered %s", got)
	}
	if err := os.Symlink(python, missing); err != nil {
		t.Fatal(err)
	}
	heals(t, h, "bare.add", "[3,4]", "7")
}

// TestAClosedLogPipeCostsLinesAndNothingElse: whoever read the daemon's stderr
// is gone; workers that are noisy and workers that die are served as before.
func TestAClosedLogPipeCostsLinesAndNothingElse(t *testing.T) {
	d := serve(t, rig.Options{Binary: closing(t), Workers: 1})
	h := dial(t, d)
	for range 3 {
		call(t, h, "noisy.speak", "[[1,2,3]]")
		refused(t, h, "worker_lost", "crashy.segfault", "")
		if got := call(t, h, "crashy.add", "[3,4]"); got != "7" {
			t.Errorf("answered %s", got)
		}
	}
}

// TestATerminalThatIsStoppedHoldsUpNobody: whoever reads the daemon's stderr has
// stopped reading before the first line, as a terminal does after ctrl-S. It
// serves, and ends when it is told to.
func TestATerminalThatIsStoppedHoldsUpNobody(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			d := serve(t, rig.Options{Binary: stopped(t), PythonPath: fixtures, Workers: 1, Args: []string{"--log-format", format}})
			if got := call(t, dial(t, d), "both.add", "[1,2]"); got != "3" {
				t.Errorf("both.add = %s", got)
			}
			if err := syscall.Kill(d.PID(), syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			select {
			case <-d.Exited():
			case <-time.After(20 * time.Second):
				t.Error("it did not end")
				if err := d.Kill(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// stopped is a program that runs the daemon with a stderr that is full, and that
// nobody empties: its reader is its writer.
func stopped(t *testing.T) string {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "stderr")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	return wrapper(t, fmt.Sprintf("exec 9<>'%[1]s'\ndd if=/dev/zero of='%[1]s' bs=4096 oflag=nonblock 2>/dev/null\nexec '%[2]s' \"$@\" 2>&9 9>&-", pipe, binary))
}

// closing is a program that runs the daemon with a stderr nobody reads: the
// pipe's reader leaves as soon as its writer is there.
func closing(t *testing.T) string {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "stderr")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	return wrapper(t, fmt.Sprintf(": < '%[1]s' &\nexec '%[2]s' \"$@\" 2> '%[1]s'", pipe, binary))
}

// wrapper is a program that becomes the daemon after some lines of shell.
func wrapper(t *testing.T, lines string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mochi-pyd")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+lines+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestADaemonOutOfDescriptorsServesOnAndHeals: with 64 descriptors and more
// hosts than that, who is connected is served, a new module is an error, and
// when the hosts are gone all is as before.
func TestADaemonOutOfDescriptorsServesOnAndHeals(t *testing.T) {
	onlyWithProc(t)
	t.Parallel()
	const limit = 64
	d := serve(t, rig.Options{
		Binary: wrapper(t, fmt.Sprintf("ulimit -n %d\nexec '%s' \"$@\"", limit, binary)), Workers: 1,
		Config: "[daemon]\nimport-policy = \"any\"\nforget-after = \"1s\"\n",
	})
	h, operator := dial(t, d), connect(t, d.Control)
	call(t, h, "both.add", "[1,1]")
	call(t, operator, "mochi.status", "")
	base := descriptors(t, d.PID())
	var hosts []net.Conn
	for range limit {
		conn, err := net.Dial("unix", d.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		hosts = append(hosts, conn)
	}
	if !rig.Until(gentle, func() bool { return descriptors(t, d.PID()) >= limit-1 }) {
		t.Fatalf("the daemon has %d descriptors open, its limit is %d", descriptors(t, d.PID()), limit)
	}
	if got := call(t, h, "both.add", "[3,4]"); got != "7" {
		t.Errorf("out of descriptors, a connected host was answered %s", got)
	}
	a, err := h.Call("zoo.add", "[3,4]")
	if err != nil {
		t.Fatal(err)
	}
	if a.Error == nil || a.Error.Kind() == "internal" || !strings.Contains(a.Error.Message, "descriptor") && !strings.Contains(a.Error.Message, "open files") {
		t.Errorf("a module that needs a new process was answered %s %+v", a.Result, a.Error)
	}
	call(t, operator, "mochi.status", "")
	for _, conn := range hosts {
		conn.Close()
	}
	heals(t, h, "zoo.add", "[3,4]", "7")
	heals(t, h, "both.add", "[3,4]", "7")
	baseDescriptors(t, d, base+16) // the new pool's worker has pipes
	if got := call(t, dial(t, d), "both.add", "[3,4]"); got != "7" {
		t.Errorf("a new host was answered %s", got)
	}
}

// connect is a connection to any socket.
func connect(t *testing.T, path string) *rig.Host {
	t.Helper()
	h, err := rig.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// TestAFullDiskUnderTheRuntimeDirectoryIsAnErrorAndHeals: the workers' scripts
// cannot be written until there is room.
func TestAFullDiskUnderTheRuntimeDirectoryIsAnErrorAndHeals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	unmount, err := mountSmall(dir)
	if err != nil {
		t.Skipf("no file system of 1 MiB can be mounted here (%v): the full disk was not tried (as root it is)", err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	hog := filepath.Join(dir, "hog")
	f, err := os.Create(hog)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, endless{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk ended with %v", err)
	}
	f.Close()
	d := serve(t, rig.Options{Workers: 1, Env: []string{"RUNTIME_DIRECTORY=" + dir}, Config: "[daemon]\nimport-policy = \"any\"\nforget-after = \"1s\"\n"})
	h := dial(t, d)
	a, err := h.Call("both.add", "[3,4]")
	if err != nil {
		t.Fatal(err)
	}
	if a.Error == nil || !strings.Contains(a.Error.Message, "no space left") {
		t.Errorf("with a full disk the call was answered %s %+v", a.Result, a.Error)
	}
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	heals(t, h, "both.add", "[3,4]", "7")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
