package render

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// serveByHand runs a worker with requests on stdin until they end, and gives
// its answers by id, with the first line under "".
func serveByHand(t *testing.T, dir string, argv []string, requests ...string) map[string]map[string]any {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = strings.NewReader(strings.Join(requests, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", argv, err, out, stderr.Bytes())
	}
	answers := map[string]map[string]any{}
	for line := range strings.Lines(string(out)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v wrote a line that is no message: %q", argv, line)
		}
		id, _ := json.Marshal(m["id"])
		if m["method"] != nil {
			id = nil
		}
		answers[string(id)] = m
	}
	if stderr.Len() > 0 {
		t.Errorf("%v complained: %s", argv, stderr.Bytes())
	}
	return answers
}

func expectSqrt(t *testing.T, answers map[string]map[string]any) {
	t.Helper()
	if m := answers[""]; m["method"] != "mochi.ready" || m["params"].(map[string]any)["runtime"] != RuntimeDigest() {
		t.Errorf("the first line is %v", m)
	}
	if got := answers["1"]["result"]; got != 3.0 {
		t.Errorf("sqrt(9) = %v (%v)", got, answers["1"]["error"])
	}
}

const sqrtOfNine = `{"jsonrpc":"2.0","id":1,"method":"sqrt","params":[9]}`

func TestAWrittenWorkerServesByHand(t *testing.T) {
	onEvery(t, func(t *testing.T, python string) {
		dir := t.TempDir()
		if err := Write(dir, render(t, WorkerOptions{Public: true, Modules: []string{"math"}})); err != nil {
			t.Fatal(err)
		}
		expectSqrt(t, serveByHand(t, dir, []string{python, "-m", "mochi_worker", "math"}, sqrtOfNine))
	})
}

func TestABundleServesFromAnywhere(t *testing.T) {
	onEvery(t, func(t *testing.T, python string) {
		file := filepath.Join(t.TempDir(), "worker.py")
		if err := os.WriteFile(file, Bundle(render(t, WorkerOptions{Public: true, Modules: []string{"math"}})), 0o600); err != nil {
			t.Fatal(err)
		}
		answers := serveByHand(t, t.TempDir(), []string{python, file}, sqrtOfNine,
			`{"jsonrpc":"2.0","id":2,"method":"sqrt","params":[-1]}`)
		expectSqrt(t, answers)
		fault, _ := json.Marshal(answers["2"]["error"])
		if !bytes.Contains(fault, []byte("math domain error")) && !bytes.Contains(fault, []byte("nonnegative")) || bytes.Contains(fault, []byte("mochi_pyd")) {
			t.Errorf("sqrt(-1) answers %s", fault)
		}
	})
}

func TestAStoredWorkerServesAndIsPrecompiled(t *testing.T) {
	onEvery(t, func(t *testing.T, python string) {
		store := &Store{Dir: t.TempDir()}
		path, err := store.Put(render(t, WorkerOptions{Public: true, Modules: []string{"math"}}))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time there is nothing to do
			if err := store.Precompile(t.Context(), python); err != nil {
				t.Fatal(err)
			}
		}
		compiled, err := filepath.Glob(filepath.Join(filepath.Dir(path), runtimePackage, "__pycache__", "worker.*.pyc"))
		if err != nil || len(compiled) != 1 {
			t.Errorf("the runtime's bytecode: %v (%v)", compiled, err)
		}
		snapshot, err := filepath.Glob(filepath.Join(filepath.Dir(path), runtimePackage, "__pycache__", "start.*"))
		if err != nil || len(snapshot) != 1 {
			t.Errorf("the snapshot of what a worker imports first: %v (%v)", snapshot, err)
		}
		expectSqrt(t, serveByHand(t, t.TempDir(), []string{python, "-u", path, "math"}, sqrtOfNine))
	})
}

// What does not fit the interpreter would fail the start that it is to speed up.
func TestOnlyAWholeFileOfTheInterpretersOwnBytecodeIsLaunched(t *testing.T) {
	const tag, magic = "cpython-399", "a70d0d0a"
	const sum = "\x4d\xc1\xad\xe5" // of "codes"
	head := "\xa7\x0d\x0d\x0a\x00\x00\x00\x00" + sum
	for _, c := range []struct {
		name, file string
		tag, magic string
		want       bool
	}{
		{"whole", head + "\x05\x00\x00\x00codes", tag, magic, true},
		{"half", head + "\x05\x00\x00\x00cod", tag, magic, false},
		{"damaged", head + "\x05\x00\x00\x00codez", tag, magic, false},
		{"no more than a head", head, tag, magic, false},
		{"empty", "", tag, magic, false},
		{"another magic number", head + "\x05\x00\x00\x00codes", tag, "a80d0d0a", false},
		{"another tag", head + "\x05\x00\x00\x00codes", "cpython-398", magic, false},
		{"an interpreter that did not say", head + "\x05\x00\x00\x00codes", "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), scriptName)
			file := filepath.Join(filepath.Dir(script), "mochi_worker."+tag+".pyc")
			if err := os.WriteFile(file, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := Launch(script, c.tag, c.magic); (got == file) != c.want || !c.want && got != script {
				t.Errorf("it is started with %s", got)
			}
		})
	}
}

func TestPrecompileNamesTheInterpreterThatCannot(t *testing.T) {
	store := &Store{Dir: t.TempDir()}
	if err := store.Precompile(t.Context(), filepath.Join(t.TempDir(), "python3")); err == nil {
		t.Error("an interpreter that is not there compiled something")
	}
}

// A script that an embedder renders for its own functions runs in every shape.
func TestEveryDeclaredShapeServes(t *testing.T) {
	zoo, err := filepath.Abs(filepath.Join("runtime", "tests", "zoo.py"))
	if err != nil {
		t.Fatal(err)
	}
	onEvery(t, func(t *testing.T, python string) {
		for _, shape := range []string{"sync", "async", "mixed"} {
			dir := t.TempDir()
			if err := Write(dir, render(t, shapes[shape])); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(zoo, filepath.Join(dir, "zoo.py")); err != nil {
				t.Fatal(err)
			}
			answers := serveByHand(t, dir, []string{python, "-m", "mochi_worker"},
				`{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}`,
				`{"jsonrpc":"2.0","id":2,"method":"nap","params":[0.01]}`,
				`{"jsonrpc":"2.0","id":3,"method":"count_async","params":[3]}`)
			if got := answers["1"]["result"]; got != 3.0 {
				t.Errorf("%s: add(1, 2) = %v", shape, answers["1"])
			}
			if got := answers["2"]["result"]; shape != "sync" && got != 0.01 {
				t.Errorf("%s: nap(0.01) = %v", shape, answers["2"])
			}
			if got, ok := answers["3"]["result"].([]any); shape == "mixed" && (!ok || len(got) != 3) {
				t.Errorf("%s: count_async(3) = %v", shape, answers["3"])
			}
		}
	})
}
