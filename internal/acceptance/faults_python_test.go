package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// interpreter is a python3 of this machine.
type interpreter struct{ version, path string }

// interpreters finds one for each version from 3.9 on: on PATH and, where pyenv
// is used, among those it has installed.
func interpreters(t *testing.T) []interpreter {
	t.Helper()
	const oldest, newest = 9, 19
	candidates := []string{python, "python3"}
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
	var found []interpreter
	for _, candidate := range append(candidates, installed...) {
		out, err := exec.CommandContext(t.Context(), candidate, "-c", "import sys; print('3.%02d' % sys.version_info[1], sys.executable)").Output()
		version, path, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
		if err != nil || !ok || version < fmt.Sprintf("3.%02d", oldest) {
			continue
		}
		if !slices.ContainsFunc(found, func(i interpreter) bool { return i.version == version }) {
			found = append(found, interpreter{version, path})
		}
	}
	slices.SortFunc(found, func(a, b interpreter) int { return strings.Compare(a.version, b.version) })
	return found
}

// TestEveryInterpreterOfTheMachineKeepsThePromises is row F18: the heart of the
// other rows on each, named in the output.
func TestEveryInterpreterOfTheMachineKeepsThePromises(t *testing.T) {
	t.Parallel()
	for _, p := range interpreters(t) {
		t.Run(p.version, func(t *testing.T) {
			t.Logf("on %s", p.path)
			d := serve(t, rig.Options{Python: p.path, Config: oneWorker})
			h := dial(t, d)
			call(t, h, "both.add", "[1,1]")
			send(t, h, rig.Request(1, "both.aadd", "[3,4]"), rig.Request(2, "both.add", "[3,4]"))
			for id, a := range answers(t, h, 1, 2) {
				if string(a.Result) != "7" {
					t.Errorf("call %d was answered %s %+v", id, a.Result, a.Error)
				}
			}
			if lost := refused(t, h, "worker_lost", "deadly.segfaults", ""); lost.Data["signal"] != "SIGSEGV" || !strings.Contains(fmt.Sprint(lost.Data["stack"]), "segfaults") {
				t.Errorf("a death is told as %+v", lost)
			}
			for function, killed := range map[string]bool{"spin": false, "deadlock": false, "busy_in_c": true} {
				before := call(t, h, "zoo.pid", "")
				send(t, h, within(200*time.Millisecond, rig.Request(1, "zoo."+function, "")))
				if a := answers(t, h, 1)[1]; a.Error.Kind() != "deadline_exceeded" || !strings.Contains(fmt.Sprint(a.Error.Data["stack"]), "in "+function) {
					t.Errorf("%s at its deadline was answered %s %+v, want deadline_exceeded with its stack", function, a.Result, a.Error)
				}
				if after := call(t, h, "zoo.pid", ""); (after != before) != killed {
					t.Errorf("%s: worker %s before, %s after, killed should be %t", function, before, after, killed)
				}
			}
			send(t, h, rig.Request(1, "both.sleep", "[600]"))
			runs(t, d, "both", "sleep")
			cancelled(t, h, 1, true)
			if got := call(t, h, "both.add", "[5,6]"); got != "11" {
				t.Errorf("at last it answered %s", got)
			}
		})
	}
}
