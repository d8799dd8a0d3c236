package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/embedded"
	"github.com/mochilang/mochi-pyd/internal/rig"
)

// letGo is how long an interrupted run may take to end: far less than what it
// waited for, and enough for a machine that has others to serve.
const letGo = 10 * time.Second

// TestAnInterruptedRunEndsAtOnceAndLeavesNothing: whoever ends it, in whichever
// mode, while a function runs or a module is imported.
func TestAnInterruptedRunEndsAtOnceAndLeavesNothing(t *testing.T) {
	modes := []string{"subprocess"}
	if _, err := embedded.Find(t.Context(), python); err != nil {
		t.Logf("not embedded: %v", err)
	} else {
		modes = append(modes, "embedded")
		if _, err := rig.BuildCommand(t.Context(), filepath.Dir(binary), "mochi-pyd-embedded", false); err != nil {
			t.Fatal(err)
		}
	}
	waits := map[string]string{
		"a call":    "import os\n\ndef f(path):\n    open(path, 'w').close()\n    __import__('time').sleep(600)\n",
		"an import": "import os\nopen(os.environ['BEGUN'], 'w').close()\n__import__('time').sleep(600)\n",
	}
	for _, mode := range modes {
		for what, source := range waits {
			for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
				t.Run(mode+" "+what+" "+signal.String(), func(t *testing.T) {
					interrupt(t, mode, source, signal)
				})
			}
		}
	}
}

func interrupt(t *testing.T, mode, source string, signal syscall.Signal) {
	dir := project(t, map[string]string{"waits.py": source})
	begun := filepath.Join(dir, "begun")
	temp, err := os.MkdirTemp("", "mp") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	cmd := exec.CommandContext(t.Context(), binary, "pkg", "run", "--private", "--runtime="+mode, "--python", python, "waits.f", `"`+begun+`"`)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MOCHI_PYD_SOCKET=", "VIRTUAL_ENV=", "PYTHONPATH="+dir, "TMPDIR="+temp, "BEGUN="+begun)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !rig.Until(startedLimit, func() bool { _, err := os.Stat(begun); return err == nil }) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		t.Fatalf("it did not begin: %s", errs.String())
	}
	sent := time.Now()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its status is looked at below
	if took := time.Since(sent); took > letGo || cmd.ProcessState.ExitCode() != 130 || strings.Contains(errs.String(), "panic") {
		t.Errorf("it took %s to end with %s:\n%s", took, cmd.ProcessState, errs.String())
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v %v", left, err)
	}
}

// TestAReaderThatIsGoneLeavesNothingBehind: head(1) closes the pipe.
func TestAReaderThatIsGoneLeavesNothingBehind(t *testing.T) {
	temp, err := os.MkdirTemp("", "mp")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer w.Close()
	cmd := exec.CommandContext(t.Context(), binary, "pkg", "run", "--private", "--python", python, "math.sqrt", "4")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "MOCHI_PYD_SOCKET=", "VIRTUAL_ENV=", "TMPDIR="+temp)
	cmd.Stdout = w
	_ = cmd.Run() // its status is looked at below
	if code := cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGPIPE) {
		t.Errorf("it ended with %s", cmd.ProcessState)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v %v", left, err)
	}
}

// TestALongTemporaryDirectoryIsNoObstacle: the path of a socket has 107 bytes,
// and TMPDIR may have more.
func TestALongTemporaryDirectoryIsNoObstacle(t *testing.T) {
	temp := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	out, errs, code := run(t, t.TempDir(), []string{"TMPDIR=" + temp}, "--private", "math.sqrt", "4")
	if out != "2.0\n" || code != 0 {
		t.Errorf("got %q, exit %d: %s", out, code, errs)
	}
}
