package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/mochilang/mochi-pyd/internal/python"
	"github.com/mochilang/mochi-pyd/rpc"
)

// probeTimeout bounds a probe that takes 10 ms: what waits is no interpreter.
const probeTimeout = 10 * time.Second

// probe asks an interpreter for its library. Not with -S: what a virtual
// environment was made from is known only to `site`. The last resort is what
// the interpreter itself has mapped: distributions move files after the build.
const probe = `
import glob, json, os, sys, sysconfig
get = sysconfig.get_config_var
minor = "%d.%d" % sys.version_info[:2]
names = [n for n in (get("INSTSONAME"), get("LDLIBRARY")) if n and ".so" in n or n and n.endswith(".dylib")]
names += ["libpython" + minor + ".so.1.0", "libpython" + minor + ".dylib"]
libdir = get("LIBDIR") or ""
dirs = [libdir, os.path.join(sys.base_prefix, "lib"), get("LIBPL") or "", os.path.join(libdir, get("MULTIARCH") or "")]
found = [os.path.join(d, n) for d in dirs for n in names if d]
try:
    with open("/proc/self/maps") as maps:
        found += [line.split(None, 5)[5].strip() for line in maps if "/libpython" + minor in line]
except OSError:
    pass
found = [p for p in dict.fromkeys(found) if os.path.isfile(p)]
print("\nmochi-pyd:library" + json.dumps({"executable": sys.executable, "version": sys.version.split()[0], "found": found, "looked": dirs}))
`

const probeMarker = "\nmochi-pyd:library"

// Library is the shared library of an interpreter.
type Library struct {
	Path       string // of the library
	Executable string // the interpreter's own path: a virtual environment's is not its library's
	Version    string
}

// Find asks an interpreter, a name on PATH or a path, for its library. The
// error is a pool_unavailable that says what to install.
func Find(ctx context.Context, interpreter string) (Library, error) {
	real, err := new(python.Resolver).Resolve(ctx, python.Spec{Python: interpreter, Env: os.Environ()})
	if err != nil {
		return Library{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, real.Path, "-I", "-c", probe)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return Library{}, fmt.Errorf("embedded: ask %s for its library: %w: %s", real.Path, err, bytes.TrimSpace(errs.Bytes()))
	}
	_, answer, ok := strings.Cut(out.String(), probeMarker)
	if !ok {
		return Library{}, fmt.Errorf("embedded: %s did not say where its library is, it printed %.200q", real.Path, out.String())
	}
	var said struct {
		Executable, Version string
		Found, Looked       []string
	}
	if err := json.Unmarshal([]byte(answer), &said); err != nil {
		return Library{}, fmt.Errorf("embedded: what %s says of its library: %w", real.Path, err)
	}
	if len(said.Found) == 0 {
		return Library{}, missing(real.Path, said.Version, said.Looked)
	}
	return Library{Path: said.Found[0], Executable: said.Executable, Version: said.Version}, nil
}

// missing is the error of an interpreter that has its library built in.
func missing(interpreter, version string, looked []string) *rpc.Error {
	minor := version
	if parts := strings.SplitN(version, ".", 3); len(parts) > 2 {
		minor = parts[0] + "." + parts[1]
	}
	message := fmt.Sprintf("%s (Python %s) has no shared library", interpreter, version)
	hint := fmt.Sprintf("install it (Debian and Ubuntu: libpython%s, Fedora: python3-libs; with pyenv: env PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install %s), or run the module in a worker process, which needs none", minor, version)
	return rpc.NewError(rpc.KindPoolUnavailable, message+": "+hint, rpc.Fields{
		"stage": "library", "cause": message, "hint": hint, "stderr_tail": []string{}, "looked": looked,
	})
}

// errAgain is the answer to a second interpreter in one process.
var errAgain = errors.New("embedded: this process has had its interpreter, and CPython's extension modules survive no second one: start a new process")
