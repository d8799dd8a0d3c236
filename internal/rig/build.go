package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// PythonVariable names the interpreter of the tests: `make test` points it at
// an environment with the pinned modules.
const PythonVariable = "MOCHI_PYD_TEST_PYTHON"

// Build compiles the program into dir. With race it is slower and tells on
// itself; without, it is what `make build` ships.
func Build(ctx context.Context, dir string, race bool) (string, error) {
	return BuildCommand(ctx, dir, "mochi-pyd", race)
}

// BuildCommand compiles one of the commands into dir.
func BuildCommand(ctx context.Context, dir, name string, race bool) (string, error) {
	bin := filepath.Join(dir, name)
	args := []string{"build", "-o", bin}
	env := os.Environ()
	if race {
		args = append(args, "-race")
	} else {
		env = append(env, "CGO_ENABLED=0")
	}
	build := exec.CommandContext(ctx, "go", append(args, "github.com/mochilang/mochi-pyd/cmd/"+name)...)
	build.Env = env
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return bin, nil
}

// Python finds the interpreter that workers run on: the one the variable
// names, else the one behind python3 on PATH (a version manager's shim would
// cost 65 ms a start). found says whether it was the variable's.
func Python(ctx context.Context) (path string, found bool, err error) {
	if path = os.Getenv(PythonVariable); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", false, fmt.Errorf("%s names no interpreter: %w; make test makes one", PythonVariable, err)
		}
		return path, true, nil
	}
	out, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return "", false, fmt.Errorf("find python3: %w", err)
	}
	return strings.TrimSpace(string(out)), false, nil
}
