package pkgcmd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/mochilang/mochi-pyd/internal/python"
)

// uvLimit bounds the one question to uv.
const uvLimit = 10 * time.Second

// environment is the interpreter a package's Python runs on.
type environment struct {
	interpreter python.Interpreter
	why         string // where it comes from, for people
	own         bool   // it is the package's or the user's own, not just the machine's python3
}

// findEnvironment looks where people expect it to: the flag, the package's own
// virtual environment, the one that is active, what uv has for the package, and
// the machine's python3.
func findEnvironment(ctx context.Context, flag, root string) (environment, error) {
	spec, e := python.Spec{Python: "python3", Env: os.Environ()}, environment{why: "python3 on PATH"}
	switch {
	case flag != "":
		spec.Python, e = flag, environment{why: "--python", own: true}
	case isVenv(filepath.Join(root, ".venv")):
		spec.Venv, e = filepath.Join(root, ".venv"), environment{why: "the package's .venv", own: true}
	case os.Getenv("VIRTUAL_ENV") != "":
		spec.Venv, e = os.Getenv("VIRTUAL_ENV"), environment{why: "VIRTUAL_ENV", own: true}
	default:
		if path := fromUV(ctx, root); path != "" {
			spec.Python, e = path, environment{why: "uv python find", own: true}
		}
	}
	var resolver python.Resolver
	found, err := resolver.Resolve(ctx, spec)
	if err != nil {
		return environment{}, &ExitError{Code: ExitFailed, Err: err}
	}
	e.interpreter = found
	return e, nil
}

func isVenv(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "bin", "python"))
	return err == nil && !info.IsDir()
}

// fromUV asks uv, where it is installed; "" when it has no answer.
func fromUV(ctx context.Context, root string) string {
	uv, err := exec.LookPath("uv")
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, uvLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, uv, "python", "find")
	cmd.Dir, cmd.WaitDelay = root, time.Second
	out, err := cmd.Output()
	if path := strings.TrimSpace(string(out)); err == nil && filepath.IsAbs(path) {
		return path
	}
	return ""
}

func (e environment) String() string {
	return fmt.Sprintf("%s (%s, from %s)", e.interpreter.Path, e.interpreter.Version, e.why)
}
