package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run is one `pkg run` in a directory: what it printed, and its exit status.
func run(t *testing.T, dir string, env []string, args ...string) (out, errs string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"pkg", "run"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=10", "MOCHI_PYD_SOCKET=", "VIRTUAL_ENV=", "PYTHONPATH="+fixtures, "PATH="+realDir(t)+":"+os.Getenv("PATH")), env...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// project is a directory with the files, by name.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil { // some are programs
			t.Fatal(err)
		}
	}
	return dir
}

func TestPkgRunCallsAFunction(t *testing.T) {
	dir := project(t, map[string]string{"mochi.toml": "[python]\nruntime-mode = \"subprocess\"\n"})
	if out, errs, code := run(t, dir, nil, "math.pow", "-2", "3"); out != "-8.0\n" || code != 0 || errs != "" {
		t.Errorf("got %q, %q, exit %d", out, errs, code)
	}
	out, errs, code := run(t, dir, nil, "math.sqrt", "-1")
	if out != "" || code != 1 || !strings.Contains(errs, "ValueError: ") {
		t.Errorf("-1 is an argument, and its exception a traceback: %q, %q, exit %d", out, errs, code)
	}
	if out, errs, code := run(t, dir, nil, "dropin.leaves", "5"); code != 1 || !strings.Contains(errs, "SystemExit: 5") {
		t.Errorf("got %q, %q, exit %d", out, errs, code)
	}
}

func TestPkgRunToldToExplainRunsNothing(t *testing.T) {
	dir := project(t, map[string]string{
		"mochi.toml":  "[python]\nrequires-python = \">=3.9\"\nasync-mode = \"per-call\"\n[python-dependencies]\nnumpy = \">=1.26\"\n",
		"src/a.mochi": "import python \"math\" as m\nimport python \"numpy@>=1.26\" as np\n",
	})
	temp := t.TempDir()
	out, errs, code := run(t, dir, []string{"TMPDIR=" + temp}, "--explain", "--runtime=embedded", "src/a.mochi", "word")
	for _, want := range []string{
		"program          src/a.mochi", "manifest         " + filepath.Join(dir, "mochi.toml"), "requires-python  >=3.9",
		"runtime          embedded (from --runtime)", "event loop       per-call", "import           math as m", "numpy as np  (numpy>=1.26)",
		"dependency       numpy>=1.26", "module numpy needs the capability cextension",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan lacks %q:\n%s%s", want, out, errs)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || code != 0 || len(left) > 0 {
		t.Errorf("something was begun: %v, %v (exit %d)", left, err, code)
	}
}

func TestAManifestsMistakesEndWith78AndTheirPlace(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", "[python]\nruntme-mode = \"embedded\"\n", `mochi.toml:2:1: unknown key "runtme-mode" (did you mean "runtime-mode"?)`},
		{"spellings that disagree", "[python]\nruntime = { event-loop = \"persistent\" }\nasync-mode = \"per-call\"\n", `mochi.toml:3:14: async-mode is "per-call" and runtime.event-loop is "persistent"`},
		{"bad specifier", "[python-dependencies]\nnumpy = \"1.26\"\n", `mochi.toml:2:9: numpy: "1.26" is no version specifier of PEP 440`},
		{"another Python", "[python]\nrequires-python = \">=3.9,<3.9.1\"\n", `mochi.toml:2:19: requires-python is ">=3.9,<3.9.1" and `},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := project(t, map[string]string{"mochi.toml": test.text})
			out, errs, code := run(t, dir, nil, "math.sqrt", "4")
			if out != "" || code != 78 || !strings.Contains(errs, test.want) || !strings.Contains(errs, "^^") {
				t.Errorf("got %q, exit %d:\n%s\nwant %s", out, code, errs, test.want)
			}
		})
	}
	dir := project(t, map[string]string{"mochi.toml": "[python.capabilities]\nnet = true\n"})
	out, errs, code := run(t, dir, nil, "glob.has_magic", `"*"`)
	if out != "true\n" || code != 0 || !strings.Contains(errs, "warning: ") || !strings.Contains(errs, "module glob needs the capability fs") {
		t.Errorf("a capability that is not granted is a warning: %q, exit %d: %s", out, code, errs)
	}
	if _, _, code := run(t, dir, nil, "--runtime=other", "math.sqrt", "4"); code != 64 {
		t.Errorf("a mode that is none ends with %d", code)
	}
	if _, _, code := run(t, dir, nil); code != 64 {
		t.Errorf("nothing to run ends with %d", code)
	}
}

// likeMochi runs a program as today's Mochi does as far as Python is concerned:
// a script and a python3 for each call. Its lines are "MODULE NAME ARGS".
const likeMochi = `#!/bin/sh
shift
file=$1
shift
grep -v '^import' "$file" | while read -r module name args; do
	case $module in
	"") continue ;;
	exit) exit "$name" ;;
	esac
	script=$(mktemp "${TMPDIR:-/tmp}/mochi_py_XXXXXX")
	mv "$script" "$script.py"
	cat >"$script.py" <<END
import json, os, importlib, sys, inspect
args = json.loads(os.environ.get("MOCHI_ARGS", "[]"))
mod = importlib.import_module("$module")
attr = getattr(mod, "$name")
if inspect.isroutine(attr):
    res = attr(*args)
else:
    if len(args) != 0:
        raise TypeError("$module.$name is not callable")
    res = attr
json.dump(res, sys.stdout)
END
	MOCHI_ARGS=$args python3 "$script.py"
	echo " $?"
	rm "$script.py"
done
`

// TestAProgramsCallsAreTheDaemons: the interpreter counts how often it is
// started, by the pids that the calls see.
func TestAProgramsCallsAreTheDaemons(t *testing.T) {
	dir := project(t, map[string]string{
		"bin/mochi":  likeMochi,
		"main.mochi": "import python \"math\" as math\nimport python \"os\" as os\nmath sqrt [16]\nos getpid []\nos getpid []\nmath pi []\nmath sqrt [-1]\nexit 9\n",
	})
	env := []string{"PATH=" + filepath.Join(dir, "bin") + ":" + realDir(t) + ":" + os.Getenv("PATH")}
	out, errs, code := run(t, dir, env, "main.mochi")
	lines := strings.Split(out, "\n")
	if len(lines) < 5 || lines[0] != "4.0 0" || lines[3] != "3.141592653589793 0" || lines[4] != " 1" || code != 9 {
		t.Fatalf("got %q, exit %d:\n%s", out, code, errs)
	}
	if lines[1] != lines[2] {
		t.Errorf("two calls saw two processes: %s, %s", lines[1], lines[2])
	}
	if !strings.Contains(errs, "ValueError: ") {
		t.Errorf("the traceback is not on stderr: %q", errs)
	}
}

func TestAMissingModuleIsToldWithTheProgramsLine(t *testing.T) {
	dir := project(t, map[string]string{"bin/mochi": likeMochi, "main.mochi": "\nimport python \"nowhere_to_be_found\" as n\nmath pi []\n"})
	out, errs, code := run(t, dir, []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}, "main.mochi")
	if out != "" || code != 1 || !strings.Contains(errs, `main.mochi:2: import python "nowhere_to_be_found"`) || !strings.Contains(errs, "-m pip install nowhere_to_be_found") {
		t.Errorf("got %q, exit %d: %s", out, code, errs)
	}
}

func TestWithoutMochiAProgramIsRefusedWithWhatToDo(t *testing.T) {
	dir := project(t, map[string]string{"main.mochi": "print(1)\n"})
	_, errs, code := run(t, dir, []string{"PATH=" + realDir(t)}, "main.mochi")
	if code != 1 || !strings.Contains(errs, "run by the mochi command, which is not on PATH") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestTheDemoProgramRunsThroughMochi where there is one.
func TestTheDemoProgramRunsThroughMochi(t *testing.T) {
	if _, err := exec.LookPath("mochi"); err != nil {
		t.Skip("there is no mochi on PATH: the demo program is not run through it")
	}
	demo, err := filepath.Abs(filepath.Join("testdata", "demo.mochi"))
	if err != nil {
		t.Fatal(err)
	}
	out, errs, code := run(t, filepath.Dir(demo), nil, demo)
	if code != 0 || out != "4\n" {
		t.Errorf("got %q, exit %d: %s", out, code, errs)
	}
}

// TestBothRuntimesPrintTheSame runs the recorded calls as one program in each
// mode. What ends its process would end all calls of an embedded interpreter,
// which is what the other mode is for.
func TestBothRuntimesPrintTheSame(t *testing.T) {
	ends := map[string]bool{"dies": true, "killed": true, "segv": true}
	var program strings.Builder
	imported := map[string]bool{}
	calls := 0
	for _, c := range recorded {
		if c.form != mochiScript || ends[c.name] || strings.HasPrefix(c.module, "_") || c.module == "no_such_module_anywhere" {
			continue
		}
		if !imported[c.module] {
			imported[c.module] = true
			fmt.Fprintf(&program, "import python %q as %s\n", c.module, strings.ReplaceAll(c.module, ".", "_"))
		}
	}
	for _, c := range recorded {
		if imported[c.module] && c.form == mochiScript && !ends[c.name] {
			fmt.Fprintf(&program, "%s %s %s\n", c.module, c.name, c.args)
			calls++
		}
	}
	dir := project(t, map[string]string{"bin/mochi": likeMochi, "main.mochi": program.String()})
	env := []string{"PATH=" + filepath.Join(dir, "bin") + ":" + realDir(t) + ":" + os.Getenv("PATH")}
	printed := map[string]string{}
	for _, mode := range []string{"subprocess", "embedded"} {
		out, errs, code := run(t, dir, env, "--runtime="+mode, "main.mochi")
		if code != 0 || strings.Count(out, "\n") < calls {
			t.Fatalf("%s: exit %d, %d lines for %d calls\n%s\n%s", mode, code, strings.Count(out, "\n"), calls, out, errs)
		}
		printed[mode] = out
	}
	if printed["subprocess"] != printed["embedded"] {
		t.Errorf("subprocess printed\n%s\nembedded printed\n%s", printed["subprocess"], printed["embedded"])
	}
	t.Logf("%d calls print the same in both", calls)
}
