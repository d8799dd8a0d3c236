package acceptance

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// typed is what a command did.
type typed struct {
	stdout, stderr string
	status         int
}

// typeIn runs the program as a person does at a shell, with the daemon's
// sockets in the environment.
func typeIn(t *testing.T, d *rig.Daemon, args ...string) typed {
	t.Helper()
	command := exec.CommandContext(t.Context(), binary, args...)
	// Else a program with the race detector takes a second to end.
	command.Env = append(os.Environ(), "GORACE="+strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=10"))
	if d != nil {
		command.Env = append(command.Env, "MOCHI_PYD_SOCKET="+d.Socket, "MOCHI_PYD_CONTROL_SOCKET="+d.Control)
	}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%v: %v", args, err)
	}
	return typed{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// TestCallPrintsTheResultAsJSON types calls and reads their output.
func TestCallPrintsTheResultAsJSON(t *testing.T) {
	d := serve(t, rig.Options{})
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"math.pow", "-2", "3"}, "-8.0"},
		{[]string{"math.pi"}, "3.141592653589793"},
		{[]string{"json.dumps", "--kw", "obj=[1]"}, `"[1]"`},
		{[]string{"math.sqrt", "--params", "[9]"}, "3.0"},
	} {
		got := typeIn(t, d, append([]string{"call"}, c.args...)...)
		if got.status != 0 || strings.TrimSpace(got.stdout) != c.want {
			t.Errorf("call %v printed %q, exit %d, want %s\n%s", c.args, got.stdout, got.status, c.want, got.stderr)
		}
	}
}

// TestAMistakeCostsOneSentence: what went wrong and what to do, on stderr, with
// the exit code of the table; no usage text, no traceback.
func TestAMistakeCostsOneSentence(t *testing.T) {
	d := serve(t, rig.Options{})
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"an unknown module", []string{"call", "nosuchmodule_at_all.f"}, 1, "nosuchmodule_at_all"},
		{"an unknown function", []string{"call", "math.squirt", "9"}, 1, "squirt"},
		{"a private name", []string{"call", "json._default_encoder"}, 1, "_default_encoder"},
		{"a foreign module's function", []string{"call", "shutil.os.system", `"true"`}, 1, "os"},
		{"a wrong argument", []string{"call", "json.dumps"}, 1, "obj"},
		{"a pool that is not there", []string{"restart", "nosuchpool"}, 5, "nosuchpool"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mustBeOneSentence(t, typeIn(t, d, c.args...), c.status, c.says)
		})
	}
}

func mustBeOneSentence(t *testing.T, got typed, status int, says string) {
	t.Helper()
	t.Logf("exit %d: %s", got.status, got.stderr)
	if got.status != status {
		t.Errorf("exit %d, want %d", got.status, status)
	}
	if got.stdout != "" {
		t.Errorf("something on stdout: %q", got.stdout)
	}
	if lines := strings.Count(got.stderr, "\n"); lines < 1 || lines > 2 {
		t.Errorf("%d lines on stderr, want one sentence (and at most a hint below it)", lines)
	}
	if !strings.Contains(got.stderr, says) {
		t.Errorf("stderr does not name %q", says)
	}
	for _, noise := range []string{"Traceback", "Usage:", "goroutine"} {
		if strings.Contains(got.stderr, noise) {
			t.Errorf("stderr holds %q", noise)
		}
	}
}

// TestAPythonExceptionPrintsItsTraceback is the one case with more to say.
func TestAPythonExceptionPrintsItsTraceback(t *testing.T) {
	got := typeIn(t, serve(t, rig.Options{}), "call", "json.loads", `"{"`)
	if got.status != 1 || got.stdout != "" {
		t.Errorf("exit %d, stdout %q, want 1 and nothing", got.status, got.stdout)
	}
	for _, part := range []string{"Traceback (most recent call last)", "JSONDecodeError"} {
		if !strings.Contains(got.stderr, part) {
			t.Errorf("stderr lacks %q:\n%s", part, got.stderr)
		}
	}
}

// TestNoDaemonIsSaidWithTheNextCommand: unreachable is exit 4, and the sentence
// tells what to type.
func TestNoDaemonIsSaidWithTheNextCommand(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "rpc.sock")
	for _, args := range [][]string{
		{"call", "math.pi", "--socket", missing},
		{"status", "--control-socket", missing},
		{"ps", "--control-socket", missing},
	} {
		t.Run(args[0], func(t *testing.T) {
			got := typeIn(t, nil, args...)
			mustBeOneSentence(t, got, 4, missing)
			if !strings.Contains(got.stderr, "mochi-pyd serve") {
				t.Error("stderr does not say to type mochi-pyd serve")
			}
		})
	}
}

// TestWrongUsageIsExitTwo for a command that reads no configuration.
func TestWrongUsageIsExitTwo(t *testing.T) {
	for _, args := range [][]string{{"call"}, {"call", "--nosuchflag", "math.pi"}, {"nosuchcommand"}} {
		if got := typeIn(t, nil, args...); got.status != 2 || got.stderr == "" {
			t.Errorf("%v: exit %d, stderr %q, want 2 and a sentence", args, got.status, got.stderr)
		}
	}
}

// TestAWrongConfigurationIsExit78 with line, column and the nearest key.
func TestAWrongConfigurationIsExit78(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("[pools.math]\nwrokers = 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := typeIn(t, nil, "serve", "--config", file)
	if got.status != 78 {
		t.Errorf("exit %d, want 78", got.status)
	}
	for _, part := range []string{file + ":2:1: unknown key \"wrokers\"", `did you mean "workers"?`, "^"} {
		if !strings.Contains(got.stderr, part) {
			t.Errorf("stderr lacks %q:\n%s", part, got.stderr)
		}
	}
}

// TestStatusAndPsShowWhatRuns in the columns of the table and as JSON.
func TestStatusAndPsShowWhatRuns(t *testing.T) {
	d := serve(t, rig.Options{Workers: 2})
	call(t, dial(t, d), "math.sqrt", "[9]")
	whole(t, d, "math")
	for command, columns := range map[string][]string{
		"status": {"POOL", "STATUS", "WORKERS", "BUSY", "QUEUE", "RESTARTS", "math", "2/2"},
		"ps":     {"WORKER", "PID", "STATE", "CALLS", "RESTARTS", "LAST-EXIT", "NOW", "math/0", "math/1", "ready"},
	} {
		got := typeIn(t, d, command)
		for _, column := range columns {
			if !strings.Contains(got.stdout, column) {
				t.Errorf("%s does not show %s:\n%s%s", command, column, got.stdout, got.stderr)
			}
		}
		asJSON := typeIn(t, d, command, "-o", "json")
		if !json.Valid([]byte(asJSON.stdout)) {
			t.Errorf("%s -o json printed no JSON: %s%s", command, asJSON.stdout, asJSON.stderr)
		}
	}
}

// TestRestartReplacesTheWorker by hand, one pool.
func TestRestartReplacesTheWorker(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	before := call(t, h, "both.pid", "")
	if got := typeIn(t, d, "restart", "both", "--wait"); got.status != 0 {
		t.Fatalf("restart: exit %d\n%s", got.status, got.stderr)
	}
	if after := call(t, h, "both.pid", ""); after == before {
		t.Errorf("worker %s still serves after restart --wait", before)
	}
}

// TestRenderedWorkerRunsByHand: render writes a directory from where
// `python3 -m mochi_worker` serves on stdin and stdout.
func TestRenderedWorkerRunsByHand(t *testing.T) {
	dir := t.TempDir()
	if got := typeIn(t, nil, "render", "math", "--out", dir); got.status != 0 {
		t.Fatalf("render: exit %d\n%s", got.status, got.stderr)
	}
	worker := exec.CommandContext(t.Context(), python, "-m", "mochi_worker", "math")
	worker.Dir = dir
	worker.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":"a","method":"sqrt","params":[9]}` + "\n")
	var stderr bytes.Buffer
	worker.Stderr = &stderr
	out, err := worker.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"mochi.ready"`) || lines[1] != `{"jsonrpc":"2.0","id":"a","result":3.0}` {
		t.Errorf("the worker wrote %q", lines)
	}
}

// TestVersionSaysWhichBuild prints one line.
func TestVersionSaysWhichBuild(t *testing.T) {
	if got := typeIn(t, nil, "version"); got.status != 0 || !strings.Contains(got.stdout, "mochi-pyd") {
		t.Errorf("version: exit %d, %q", got.status, got.stdout)
	}
}
