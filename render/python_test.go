package render

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// interpreter is a real python3 of this machine.
type interpreter struct {
	version, path string
}

// interpreters finds one interpreter per version from 3.9 on: those on PATH
// and, where pyenv is used, those it has installed.
var interpreters = sync.OnceValue(func() []interpreter {
	candidates := []string{"python3"}
	for minor := 9; minor < 20; minor++ {
		candidates = append(candidates, "python3."+itoa(minor))
	}
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); root == "" && err == nil {
		root = filepath.Join(home, ".pyenv")
	}
	installed, _ := filepath.Glob(filepath.Join(root, "versions", "3.*", "bin", "python"))
	var found []interpreter
	for _, c := range append(candidates, installed...) {
		out, err := exec.Command(c, "-c", "import sys; print('%d.%02d' % sys.version_info[:2], sys.executable)").Output()
		version, path, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
		if err != nil || !ok || version < "3.09" {
			continue
		}
		if !slices.ContainsFunc(found, func(i interpreter) bool { return i.version == version }) {
			found = append(found, interpreter{version, path})
		}
	}
	slices.SortFunc(found, func(a, b interpreter) int { return strings.Compare(a.version, b.version) })
	return found
})

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// onEvery runs a test on every interpreter, named in the output.
func onEvery(t *testing.T, test func(t *testing.T, python string)) {
	t.Helper()
	if len(interpreters()) == 0 {
		t.Fatal("no python3 of version 3.9 or later on PATH: install one")
	}
	for _, p := range interpreters() {
		t.Run(p.version, func(t *testing.T) {
			t.Logf("on %s", p.path)
			test(t, p.path)
		})
	}
}

// pythonOracle answers questions about Python source; see testdata/shape.py.
type pythonOracle struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Reader
}

var oracle = sync.OnceValues(func() (*pythonOracle, error) {
	if len(interpreters()) == 0 {
		return nil, exec.ErrNotFound
	}
	// It ends with its input, which ends with this process.
	cmd := exec.Command(interpreters()[0].path, filepath.Join("testdata", "shape.py"))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w.Close()
	return &pythonOracle{in: in, out: bufio.NewReader(r)}, nil
})

func askPython(t *testing.T, question ...string) any {
	t.Helper()
	o, err := oracle()
	if err != nil {
		t.Fatalf("no python3 to ask: %v", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	line, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err = o.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answer any
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}
