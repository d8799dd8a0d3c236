package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mochilang/mochi-pyd/internal/rig"
	"github.com/mochilang/mochi-pyd/rpc"
)

// TestFunctionsRunInThisVeryProcess is the one test that uses up the one
// interpreter of the test's own process; the others start processes.
func TestFunctionsRunInThisVeryProcess(t *testing.T) {
	interpreter, _, err := rig.Python(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), interpreter); err != nil {
		t.Skipf("no library: %v", err)
	}
	guest, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	i, err := Open(t.Context(), interpreter, Options{Modules: []string{"guest"}, Path: []string{guest}})
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, params string) string {
		t.Helper()
		result, bad := i.Call(method, json.RawMessage(params), nil)
		if bad != nil {
			t.Errorf("%s: %v", method, bad)
		}
		return string(result)
	}
	if got, want := call("pid", "[]"), fmt.Sprint(os.Getpid()); got != want {
		t.Errorf("called in process %s, the host is %s", got, want)
	}
	for _, c := range []struct{ method, params, want string }{
		{"add", "[3,4]", "7"},
		{"add", `{"a":"x","b":"y"}`, `"xy"`},
		{"counts", "[3]", "[0,1,2]"},
		{"acounts", "[3]", "[0,1,2]"},
		{"where", "[]", `"mochi-asyncio-loop"`},
		{"mochi.ping", "[]", `"pong"`},
	} {
		if got := call(c.method, c.params); got != c.want {
			t.Errorf("%s(%s) = %s, want %s", c.method, c.params, got, c.want)
		}
	}
	// Coroutines overlap, and so do the threads that wait for them.
	var both sync.WaitGroup
	both.Go(func() { call("meets", `["a","b"]`) })
	both.Go(func() { call("meets", `["b","a"]`) })
	both.Wait()
	for method, want := range map[string]int{"fails": -32603, "leaves": -32603, "missing": -32601, "_met": -32601} {
		if _, bad := i.Call(method, json.RawMessage(`["x"]`), nil); bad == nil || method != "leaves" && bad.Code != want {
			t.Errorf("%s failed with %v, want %d", method, bad, want)
		}
	}
	if _, bad := i.Call("fails", json.RawMessage(`["x"]`), nil); strings.Contains(string(bad.Data), "_dispatch") || strings.Contains(string(bad.Data), "embedded.py") {
		t.Errorf("the traceback shows our own frames: %s", bad.Data)
	}
	if _, err := Open(t.Context(), interpreter, Options{Modules: []string{"math"}}); !errors.Is(err, errAgain) {
		t.Errorf("a second interpreter gave %v", err)
	}
	left := filepath.Join(t.TempDir(), "left")
	call("at_exit", fmt.Sprintf("[%q]", left))
	if err := i.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("what Python runs at exit did not run: %v", err)
	}
	if _, bad := i.Call("pid", nil, nil); bad == nil {
		t.Error("a call after Close was answered")
	}
}

// program builds the helper once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mochi-embedded-bin")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "mochi-pyd-embedded")
	build := exec.Command("go", "build", "-o", bin, "github.com/mochilang/mochi-pyd/cmd/mochi-pyd-embedded")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if bin, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(status)
}

// TestEveryInterpreterOfTheMachineCanBeEmbedded runs the helper, built without
// cgo, on each version that has a shared library.
func TestEveryInterpreterOfTheMachineCanBeEmbedded(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for version, interpreter := range interpreters(t) {
		t.Run(version, func(t *testing.T) {
			library, err := Find(t.Context(), interpreter)
			if err != nil {
				t.Skipf("%v", err)
			}
			tried++
			t.Logf("%s with %s", interpreter, library.Path)
			cmd := exec.CommandContext(t.Context(), bin, "--python", interpreter, "--path", "testdata", "--concurrency", "2", "guest")
			cmd.Stdin = strings.NewReader(strings.Join([]string{
				`{"jsonrpc":"2.0","id":"a","method":"prints","params":["on the wire?"]}`,
				`{"jsonrpc":"2.0","id":1,"method":"executable"}`,
				`nonsense`,
				`{"jsonrpc":"2.0","id":2,"method":"acounts","params":[2]}`,
				`{"jsonrpc":"2.0","method":"add","params":[1,2]}`,
				`{"jsonrpc":"2.0","id":3,"method":"add","params":[1,2]}`, // no newline at its end
			}, "\n"))
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v", err)
			}
			got := strings.TrimSpace(string(out))
			for _, want := range []string{
				`{"jsonrpc":"2.0","id":"a","result":"on the wire?"}`,
				`"id":1,"result":["` + library.Executable,
				`{"jsonrpc":"2.0","id":null,"error":{"code":-32700`,
				`{"jsonrpc":"2.0","id":2,"result":[0,1]}`,
				`{"jsonrpc":"2.0","id":3,"result":3}`,
			} {
				if !strings.Contains(got, want) {
					t.Errorf("no %s in:\n%s", want, got)
				}
			}
			if n := strings.Count(got, "\n") + 1; n != 5 {
				t.Errorf("%d answers:\n%s", n, got)
			}
		})
	}
	t.Logf("%d interpreters were embedded", tried)
}

// TestPerCallGivesEachCoroutineALoopOfItsOwn asks two coroutines where they are.
func TestPerCallGivesEachCoroutineALoopOfItsOwn(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	interpreter, _, err := rig.Python(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), interpreter); err != nil {
		t.Skipf("no library: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), bin, "--python", interpreter, "--path", "testdata", "--per-call", "guest")
	cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"alone"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"alone"}`)
	out, err := cmd.Output()
	if err != nil || strings.Count(string(out), `"result":[false,1]`) != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAnInterpreterWithoutALibraryIsToldWhatToInstall makes one that says so.
func TestAnInterpreterWithoutALibraryIsToldWhatToInstall(t *testing.T) {
	err := missing("/usr/bin/python3", "3.12.1", []string{"/usr/lib"})
	if err.Kind() != rpc.KindPoolUnavailable || !strings.Contains(err.Message, "libpython3.12") {
		t.Errorf("%v", err)
	}
}

// TestAModuleThatCannotBeImportedEndsTheProcessWithAReason looks at the helper
// as a person does who mistyped.
func TestAModuleThatCannotBeImportedEndsTheProcessWithAReason(t *testing.T) {
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	interpreter, _, err := rig.Python(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), interpreter); err != nil {
		t.Skipf("no library: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), bin, "--python", interpreter, "no_such_module").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "importing no_such_module failed") {
		t.Errorf("%v: %s", err, out)
	}
}

// interpreters finds one for each version from 3.9 on: on PATH, and among those
// that pyenv has installed where it is used.
func interpreters(t *testing.T) map[string]string {
	t.Helper()
	const oldest, newest = 9, 19
	candidates := []string{"python3"}
	for minor := oldest; minor <= newest; minor++ {
		candidates = append(candidates, fmt.Sprintf("python3.%d", minor))
	}
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); root == "" && err == nil {
		root = filepath.Join(home, ".pyenv")
	}
	installed, err := filepath.Glob(filepath.Join(root, "versions", "3.*", "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, candidate := range append(candidates, installed...) {
		out, err := exec.CommandContext(t.Context(), candidate, "-c", "import sys; print('3.%02d' % sys.version_info[1], sys.executable)").Output()
		version, path, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
		if err == nil && ok && version >= fmt.Sprintf("3.%02d", oldest) && found[version] == "" {
			found[version] = path
		}
	}
	return found
}

// TestTheDaemonLinksNoneOfIt keeps the daemon static.
func TestTheDaemonLinksNoneOfIt(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "github.com/mochilang/mochi-pyd/cmd/mochi-pyd").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if dep == "github.com/mochilang/mochi-pyd/internal/embedded" || strings.HasPrefix(dep, "github.com/ebitengine/purego") {
			t.Errorf("the daemon links %s, which makes it dynamic: ask for the program instead (internal/embedded/program)", dep)
		}
	}
}
