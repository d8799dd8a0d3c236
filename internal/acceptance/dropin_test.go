package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
	"github.com/mochilang/mochi-pyd/rpc"
)

// mochiScript is what today's Mochi writes for a call, and olderScript what it
// wrote before.
const (
	mochiScript = `import json, os, importlib, sys, inspect
args = json.loads(os.environ.get("MOCHI_ARGS", "[]"))
mod = importlib.import_module("%[1]s")
attr = getattr(mod, "%[2]s")
if inspect.isroutine(attr):
    res = attr(*args)
else:
    if len(args) != 0:
        raise TypeError("%[1]s.%[2]s is not callable")
    res = attr
json.dump(res, sys.stdout)
`
	olderScript = `import json, os, importlib, sys
args = json.loads(os.environ.get("MOCHI_ARGS", "[]"))
mod = importlib.import_module("%[1]s")
res = getattr(mod, "%[2]s")(*args)
json.dump(res, sys.stdout)
`
)

// ending is what can be seen of a process that has ended.
type ending struct {
	out    string
	status string // "exit status 1", "signal: killed", ""
	stderr string
}

func runScript(t *testing.T, python, file, args string, env []string) ending {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, file)
	cmd.Env = append(append(os.Environ(), env...), "MOCHI_ARGS="+args, "PYTHONPATH="+fixtures)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	e := ending{out: out.String(), stderr: errs.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		e.status = strings.TrimSuffix(exit.Error(), " (core dumped)")
	} else if err != nil {
		t.Fatal(err)
	}
	return e
}

// standIn builds the python3 that asks the daemon, under its own name.
func standIn(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	bin, err := rig.BuildCommand(t.Context(), dir, "mochi-pyd-python3", false)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "python3")
	if err := os.Symlink(bin, link); err != nil {
		t.Fatal(err)
	}
	return link
}

func writeScript(t *testing.T, form, module, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mochi_py_123.py")
	if err := os.WriteFile(file, fmt.Appendf(nil, form, module, name), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// recorded are calls as Mochi makes them.
var recorded = []struct{ form, module, name, args string }{
	{mochiScript, "math", "sqrt", "[16]"},
	{mochiScript, "math", "sqrt", "[-1]"},
	{mochiScript, "math", "pi", "[]"},
	{mochiScript, "math", "pi", "[1]"},
	{mochiScript, "math", "nothing_of_that_name", "[]"},
	{mochiScript, "math", "pow", "[2,0.5]"},
	{mochiScript, "math", "factorial", "[300]"},
	{mochiScript, "math", "inf", "[]"},
	{mochiScript, "math", "sqrt", "[]"},
	{mochiScript, "math", "sqrt", `["two"]`},
	{mochiScript, "json", "dumps", `[{"a":[1,2,{"b":null}]}]`},
	{mochiScript, "json", "loads", `["[1.0,1e400]"]`},
	{mochiScript, "string", "ascii_letters", "[]"},
	{mochiScript, "os", "sep", "[]"},
	{mochiScript, "os.path", "join", `["/a","b"]`},
	{mochiScript, "statistics", "mean", "[[1,2,3,4]]"},
	{mochiScript, "textwrap", "wrap", `["some words to wrap here",10]`},
	{mochiScript, "no_such_module_anywhere", "f", "[]"},
	{mochiScript, "_json", "encode_basestring", `["é"]`}, // private: the interpreter's own
	{mochiScript, "dropin", "PI", "[]"},
	{mochiScript, "dropin", "NAMES", "[]"},
	{mochiScript, "dropin", "TABLE", "[]"},
	{mochiScript, "dropin", "NOTHING", "[]"},
	{mochiScript, "dropin", "NAN", "[]"},
	{mochiScript, "dropin", "Point", "[]"},
	{mochiScript, "dropin", "Point", "[1]"},
	{mochiScript, "dropin", "POINT", "[]"},
	{mochiScript, "dropin", "bound", "[]"},
	{mochiScript, "dropin", "echo", `[{"b":"<é\u2028\ud800>","a":[1.0,1e22,-0.0,12345678901234567890123]}]`},
	{mochiScript, "dropin", "add", "[1,2.5]"},
	{mochiScript, "dropin", "add", "[1,2,3]"},
	{mochiScript, "dropin", "pair", "[]"},
	{mochiScript, "dropin", "keys", "[]"},
	{mochiScript, "dropin", "half_written", "[]"},
	{mochiScript, "dropin", "a_set", "[]"},
	{mochiScript, "dropin", "raises", "[]"},
	{mochiScript, "dropin", "leaves", "[]"},
	{mochiScript, "dropin", "leaves", "[3]"},
	{mochiScript, "dropin", "leaves", `["a word"]`},
	{mochiScript, "dropin", "leaves", "[true]"},
	{mochiScript, "dropin", "leaves", "[false]"},
	{mochiScript, "dropin", "leaves", "[-1]"},
	{mochiScript, "dropin", "leaves", "[2.0]"},
	{mochiScript, "dropin", "dies", "[7]"},
	{mochiScript, "dropin", "killed", "[]"},
	{mochiScript, "dropin", "segv", "[]"},
	{mochiScript, "dropin", "coroutine", "[]"},
	{olderScript, "math", "sqrt", "[2]"},
	{olderScript, "math", "pi", "[]"},
	{olderScript, "dropin", "Point", "[1]"},
	{olderScript, "dropin", "raises", "[]"},
	{"import sys\nprint('%s.%s')\nsys.exit(4)\n", "of", "its own", "[]"},
}

// TestTheStandInEndsAsTheInterpreterDoes replays calls as Mochi makes them, to
// the real interpreter and to the stand-in beside the daemon: the same bytes on
// stdout, the same exit status, and the exception's own last line on stderr.
func TestTheStandInEndsAsTheInterpreterDoes(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	standin := standIn(t)
	env := []string{"MOCHI_PYD_SOCKET=" + d.Socket, "MOCHI_PYD_PYTHON=" + python}
	for _, c := range recorded {
		file := writeScript(t, c.form, c.module, c.name)
		want := runScript(t, python, file, c.args, nil)
		got := runScript(t, standin, file, c.args, env)
		if got.out != want.out || got.status != want.status {
			t.Errorf("%s.%s%s gave %q (%s), the interpreter %q (%s)\n%s", c.module, c.name, c.args, got.out, got.status, want.out, want.status, got.stderr)
		}
		if strings.HasPrefix(want.status, "exit status 1") && !strings.Contains(want.stderr, lastLine(got.stderr)) {
			t.Errorf("%s.%s%s said %q, the interpreter %q", c.module, c.name, c.args, lastLine(got.stderr), lastLine(want.stderr))
		}
	}
	t.Logf("%d calls end alike", len(recorded))
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestTheStandInIsTheInterpreterWhereThereIsNoDaemon and for all that is no
// script of Mochi's; and it does not call itself for ever.
func TestTheStandInIsTheInterpreterWhereThereIsNoDaemon(t *testing.T) {
	standin := standIn(t)
	file := writeScript(t, mochiScript, "math", "sqrt")
	for name, env := range map[string][]string{
		"no socket":           {"MOCHI_PYD_PYTHON=" + python},
		"nobody at it":        {"MOCHI_PYD_PYTHON=" + python, "MOCHI_PYD_SOCKET=" + filepath.Join(t.TempDir(), "none")},
		"found on PATH":       {"PATH=" + filepath.Dir(standin) + ":" + realDir(t)},
		"it is named itself":  {"MOCHI_PYD_PYTHON=" + standin, "PATH=" + filepath.Dir(standin) + ":" + realDir(t)},
		"named by a relative": {"MOCHI_PYD_PYTHON=python3", "PATH=" + filepath.Dir(standin) + ":" + realDir(t)},
	} {
		if got := runScript(t, standin, file, "[16]", env); got.out != "4.0" || got.status != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := runScript(t, standin, file, "[16]", []string{"PATH=" + filepath.Dir(standin)}); got.status != "exit status 127" || !strings.Contains(got.stderr, "there is no python3 on PATH but this stand-in") {
		t.Errorf("with nobody to become: %+v", got)
	}
}

// TestTheStandInIsTheInterpreterOfADaemonThatLeaves: what the daemon had not
// read when it went away has not begun.
func TestTheStandInIsTheInterpreterOfADaemonThatLeaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1)) // the call is there, and stays unread
		_ = conn.Close()
	}()
	file := writeScript(t, mochiScript, "math", "sqrt")
	if got := runScript(t, standIn(t), file, "[16]", []string{"MOCHI_PYD_PYTHON=" + python, "MOCHI_PYD_SOCKET=" + path}); got.out != "4.0" || got.status != "" {
		t.Errorf("%+v", got)
	}
}

// realDir is a directory with a python3 that is the real one.
func realDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(python, filepath.Join(dir, "python3")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestAttrHasTodaysResults holds the Go function to what Mochi's own gives.
func TestAttrHasTodaysResults(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	t.Setenv(rpc.SocketVariable, d.Socket)
	for _, c := range []struct {
		module, name string
		args         []any
		want         any
	}{
		{"math", "sqrt", []any{16}, 4.0},
		{"math", "pi", nil, 3.141592653589793},
		{"math", "gcd", []any{12, 18}, 6.0},
		{"dropin", "NAMES", nil, []any{"a", "é", "\uFFFD"}},
		{"dropin", "NOTHING", nil, nil},
		{"dropin", "echo", []any{strings.Repeat("x", 1<<20)}, strings.Repeat("x", 1<<20)}, // far over 128 KiB
	} {
		got, err := rpc.Attr(c.module, c.name, c.args...)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s.%s gave %.100v, %v, want %.100v", c.module, c.name, got, err, c.want)
		}
	}
	_, err := rpc.Attr("math", "sqrt", -1)
	var remote *rpc.Error
	if !errors.As(err, &remote) || remote.Kind() != rpc.KindPythonError || !strings.HasPrefix(err.Error(), "python error: exit status 1\n") || !strings.Contains(err.Error(), "ValueError: math domain error") {
		t.Errorf("got %v", err)
	}
	if _, err := rpc.Attr("dropin", "half_written"); err == nil || !strings.Contains(err.Error(), `[1, "two", Traceback`) {
		t.Errorf("what json.dump wrote before it failed is not told: %v", err)
	}
	if _, err := rpc.Attr("dropin", "NAN"); err == nil || !strings.HasPrefix(err.Error(), "decode error:") {
		t.Errorf("got %v", err)
	}
}

const startedLimit = 20 * time.Second // until a call has begun, on a busy machine

// TestACallerGivesUpItsConnectionWhenItsTimeIsOver: a late answer must not be
// taken for the next call's.
func TestACallerGivesUpItsConnectionWhenItsTimeIsOver(t *testing.T) {
	d := serve(t, rig.Options{Workers: 1})
	c, err := rpc.DialCaller(t.Context(), d.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if got, err := c.Call(t.Context(), "math.sqrt", []byte("[4]"), nil); err != nil || string(got) != "2.0" {
			t.Fatalf("got %s, %v", got, err)
		}
	}
	var remote *rpc.Error
	if _, err := c.Call(t.Context(), "math.sqrt", []byte("[-4]"), nil); !errors.As(err, &remote) || !c.Usable() {
		t.Errorf("an exception: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan error, 1)
	go func() {
		_, err := c.Call(ctx, "time.sleep", []byte("[60]"), nil)
		cancelled <- err
	}()
	if !rig.Until(startedLimit, func() bool {
		p, err := d.Pool("time")
		return err == nil && p.Busy == 1
	}) {
		t.Fatal("the call did not begin")
	}
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) || c.Usable() {
		t.Errorf("got %v, usable %v", err, c.Usable())
	}
	if _, err := c.Call(t.Context(), "math.sqrt", []byte("[4]"), nil); !errors.Is(err, rpc.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
