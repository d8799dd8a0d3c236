package python

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mochilang/mochi-pyd/rpc"
)

// realPython gives the python3 on PATH, resolved.
func realPython(t *testing.T) Interpreter {
	t.Helper()
	var r Resolver
	found, err := r.Resolve(context.Background(), Spec{Python: "python3", Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAShimIsResolvedOnceToTheRealInterpreter(t *testing.T) {
	real := realPython(t)
	dir := t.TempDir()
	runs := filepath.Join(dir, "runs")
	shim := filepath.Join(dir, "python3")
	script(t, shim, "echo x >>"+runs+"\nexec "+real.Path+` "$@"`)
	var r Resolver
	for range 3 {
		found, err := r.Resolve(context.Background(), Spec{Python: "python3", Env: []string{"PATH=/none:" + dir + ":/bin:/usr/bin"}})
		if err != nil {
			t.Fatal(err)
		}
		if found != real {
			t.Errorf("got %+v, want %+v", found, real)
		}
	}
	if log, _ := os.ReadFile(runs); string(log) != "x\n" {
		t.Errorf("the shim ran %d times", strings.Count(string(log), "x"))
	}
	// Touched by an upgrade: asked again.
	script(t, shim, "echo yy >>"+runs+"\nexec "+real.Path+` "$@" # new`)
	if _, err := r.Resolve(context.Background(), Spec{Python: shim, Env: os.Environ()}); err != nil {
		t.Fatal(err)
	}
	if log, _ := os.ReadFile(runs); string(log) != "x\nyy\n" {
		t.Errorf("after an upgrade: %q", log)
	}
}

func TestAVirtualEnvironmentKeepsItsOwnInterpreter(t *testing.T) {
	venv := filepath.Join(t.TempDir(), "env")
	if out, err := exec.Command(realPython(t).Path, "-m", "venv", "--without-pip", venv).CombinedOutput(); err != nil {
		t.Fatalf("venv: %v\n%s", err, out)
	}
	var r Resolver
	found, err := r.Resolve(context.Background(), Spec{Venv: venv, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(venv, "bin", "python"); found.Path != want {
		t.Errorf("path %s, want %s", found.Path, want)
	}
	out, err := exec.Command(found.Path, "-c", "import sys; print(sys.prefix)").Output()
	if err != nil || strings.TrimSpace(string(out)) != venv {
		t.Errorf("its prefix is %q (%v), want %s", out, err, venv)
	}
}

func TestAWrongInterpreterSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	script(t, old, `printf '\nmochi-pyd:interpreter\n/usr/bin/python\n3.8.10\n/usr\ncpython\n'`)
	silent := filepath.Join(dir, "silent")
	script(t, silent, "echo this is no snake >&2; exit 3")
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no program at all"), 0o700); err != nil {
		t.Fatal(err)
	}
	orphan := filepath.Join(dir, "orphan")
	if err := os.WriteFile(orphan, []byte("#!"+filepath.Join(dir, "none")+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		spec  Spec
		stage string
		want  string
	}{
		{Spec{Python: "python-of-nowhere"}, "exec", "there is no python-of-nowhere on PATH"},
		{Spec{Python: filepath.Join(dir, "none")}, "exec", "there is no executable"},
		{Spec{Python: plain}, "exec", "there is no executable"},
		{Spec{Python: dir}, "exec", "there is no executable"},
		{Spec{Python: text}, "exec", "cannot be started: exec format error: it is no program"},
		{Spec{Python: orphan}, "exec", "cannot be started: no such file or directory: it names an interpreter that is not there"},
		{Spec{Venv: dir}, "exec", "is no virtual environment"},
		{Spec{Python: silent}, "interpreter", "is no Python 3 interpreter (exit status 3)"},
		{Spec{Python: old}, "interpreter", "is Python 3.8.10, which is too old"},
	} {
		test.spec.Env = os.Environ()
		var r Resolver
		_, err := r.Resolve(context.Background(), test.spec)
		e := rpc.AsError(err)
		if e.Kind() != rpc.KindPoolUnavailable || !strings.Contains(e.Message, test.want) {
			t.Errorf("%+v: %v", test.spec.Python, err)
			continue
		}
		var data struct{ Stage, Hint, Cause string }
		if json.Unmarshal(e.Data, &data) != nil || data.Stage != test.stage || data.Hint == "" || data.Cause == "" {
			t.Errorf("data: %s, want the stage %s", e.Data, test.stage)
		}
	}
}

func script(t *testing.T, path, body string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestTheDaemonsOwnBusinessNeverReachesAWorker(t *testing.T) {
	daemon := []string{
		"PATH=/bin", "HOME=/h", "SECRET=1", "LC_ALL=C", "PYTHONPATH=/user", "NOTIFY_SOCKET=/n", "LISTEN_FDS=2", "LISTEN_PID=1",
		"WATCHDOG_USEC=1", "CREDENTIALS_DIRECTORY=/c", "JOURNAL_STREAM=1:2", "PYTHONHOME=/p", "PYTHONSTARTUP=/s", "PYTHONSAFEPATH=1", "MOCHI_PYD_WIRE=in=3", "broken",
	}
	inherited := Environ{Daemon: daemon, Inherit: true, PythonPath: []string{"/first"}}.Build()
	want := []string{"HOME=/h", "LC_ALL=C", "PATH=/bin", "PYTHONPATH=/first:/user", "SECRET=1"}
	if diff := cmp.Diff(want, inherited); diff != "" {
		t.Errorf("without a configuration:\n%s", diff)
	}
	listed := Environ{Daemon: daemon, Env: map[string]string{"MODEL": "m", "PYTHONSAFEPATH": "1"}, PythonPath: []string{"/a", "/b"}, Venv: "/v"}.Build()
	want = []string{"HOME=/h", "LC_ALL=C", "MODEL=m", "PATH=/v/bin:/bin", "PYTHONPATH=/a:/b", "VIRTUAL_ENV=/v"}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("with one:\n%s", diff)
	}
	if slices.ContainsFunc(inherited, func(s string) bool { return strings.HasPrefix(s, "MOCHI_PYD_WIRE") }) {
		t.Error("another worker's wire leaked")
	}
}
