package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// commandOf is a command of the script's environment, in its directory.
func commandOf(ts *testscript.TestScript, path string, args []string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "MOCHI_PYD_SOCKET", "MOCHI_PYD_CONTROL_SOCKET", "GORACE"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// programOf finds the program under test as the script's shell would.
func programOf(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); executable(path) {
			return path
		}
	}
	ts.Fatalf("%s is not on PATH", name)
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o100 != 0
}

func endedWith(ts *testscript.TestScript, err error) int {
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		ts.Fatalf("%v", err)
	}
	if ended != nil {
		return ended.ExitCode()
	}
	return 0
}

// transcript is what a command that runs has printed so far.
type transcript struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

// interrupted SIGNAL TEXT PROGRAM ARG… runs the program until it, or ps, shows
// the text, sends it the signal, and wants 130 and a word about it.
func interrupted(ts *testscript.TestScript, _ bool, args []string) {
	sent := map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[0]]
	cmd := commandOf(ts, programOf(ts, args[2]), args[3:])
	var said transcript
	cmd.Stdout, cmd.Stderr = &said, &said
	ts.Check(cmd.Start())
	eventually(ts, strings.Join(args[2:], " "), func() bool {
		_ = ts.Exec("mochi-pyd", "ps") // its output is what counts
		return strings.Contains(said.String()+ts.ReadFile("stdout"), args[1])
	})
	ts.Check(cmd.Process.Signal(sent))
	if got := endedWith(ts, cmd.Wait()); got != exitInterrupted || !strings.Contains(said.String(), "interrupted") {
		ts.Fatalf("%s ended with %d, want %d and a word about it:\n%s", strings.Join(args[2:], " "), got, exitInterrupted, said.String())
	}
}

// nobodyID is a user who owns nothing.
const nobodyID = 65534

// nobody CODE TEXT PROGRAM ARG… runs the program as a user who may nothing: only
// root can. It wants the exit code and the text on stderr.
func nobody(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	dir, err := os.MkdirTemp("", "mp-nobody-") // where the program is, nobody may not look
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	ts.Check(os.Chmod(dir, 0o755))
	path := filepath.Join(dir, args[2])
	ts.Check(copyProgram(programOf(ts, args[2]), path))
	cmd := commandOf(ts, path, args[3:])
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodyID, Gid: nobodyID}}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	got := endedWith(ts, cmd.Run())
	if got != want || !strings.Contains(errs.String(), args[1]) || out.Len() > 0 {
		ts.Fatalf("nobody's %s ended with %d, want %d and %q on stderr alone:\n%s%s", strings.Join(args[2:], " "), got, want, args[1], out.String(), errs.String())
	}
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
