package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mochilang/mochi-pyd/internal/python"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mochi-pyd": main})
}

// TestScripts types the program's commands as a person does, against a real
// daemon with real workers.
func TestScripts(t *testing.T) {
	var r python.Resolver
	real, err := r.Resolve(context.Background(), python.Spec{Python: "python3", Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			// A version manager's shim would need its own variables, and 65 ms.
			e.Setenv("PATH", e.Getenv("PATH")+string(filepath.ListSeparator)+filepath.Dir(real.Path))
			e.Setenv("PYTHON", real.Path)
			e.Setenv("GORACE", "atexit_sleep_ms=10") // else each command takes a second under -race
			// Short: a socket's path has 107 bytes.
			dir, err := os.MkdirTemp("", "mp-")
			if err != nil {
				return err
			}
			e.Defer(func() { _ = os.RemoveAll(dir) })
			e.Setenv("TMPDIR", dir)
			e.Setenv("D", filepath.Join(dir, "mochi-pyd-"+strconv.Itoa(os.Geteuid())))
			e.Setenv("MOCHI_PYD_SOCKET", "")
			e.Setenv("MOCHI_PYD_CONTROL_SOCKET", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"ready": ready,
			"until": until,
			"stale": stale,
			"term":  term,
			"hup":   hup,

			"interrupted": interrupted,
			"nobody":      nobody,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
	})
}

// exits CODE PROGRAM ARG… wants exactly that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// patience bounds each wait of a script.
const patience = 20 * time.Second

// eventually asks until it is so: a process of its own gives no other event.
func eventually(ts *testscript.TestScript, what string, so func() bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if so() {
			return
		}
	}
	ts.Fatalf("%s: not so within %s", what, patience)
}

// ready SOCKET… waits until the sockets answer.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	for _, path := range args {
		eventually(ts, path+" answers", func() bool {
			conn, err := net.Dial("unix", ts.MkAbs(path))
			return err == nil && conn.Close() == nil
		})
	}
}

// until TEXT PROGRAM ARG… runs the program until its output holds the text;
// with ! until it does not.
func until(ts *testscript.TestScript, neg bool, args []string) {
	eventually(ts, strings.Join(args, " "), func() bool {
		_ = ts.Exec(args[1], args[2:]...) // its output is what counts
		return strings.Contains(ts.ReadFile("stdout")+ts.ReadFile("stderr"), args[0]) != neg
	})
}

// stale PATH leaves a socket there that nobody listens on.
func stale(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: ts.MkAbs(args[0]), Net: "unix"})
	ts.Check(err)
	l.SetUnlinkOnClose(false)
	ts.Check(l.Close())
}

// term ends the running daemon as a service manager does; testscript's own kill
// knows SIGINT and SIGKILL only.
func term(ts *testscript.TestScript, _ bool, _ []string) { signalDaemon(ts, syscall.SIGTERM) }

// hup has it reload its configuration.
func hup(ts *testscript.TestScript, _ bool, _ []string) { signalDaemon(ts, syscall.SIGHUP) }

func signalDaemon(ts *testscript.TestScript, s syscall.Signal) {
	for _, cmd := range ts.BackgroundCmds() {
		if len(cmd.Args) > 1 && cmd.Args[1] == "serve" && cmd.ProcessState == nil {
			ts.Check(cmd.Process.Signal(s))
			return
		}
	}
	ts.Fatalf("no daemon runs")
}
