package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/python"
	"github.com/mochilang/mochi-pyd/rpc"
)

// probeAnswer is what the probe below prints as the last line of its output.
type probeAnswer struct {
	Fork    bool `json:"fork"`
	Threads int  `json:"threads"` // after the import
	MS      int  `json:"ms"`      // the import took
}

// probeScript imports what a worker would, as a worker would, and says what that
// left behind: a thread that an import starts is what forbids to preload it.
const probeScript = `import json, os, sys, time
import asyncio, faulthandler, mmap, signal
began = time.monotonic()
for name in sys.argv[1:]:
    __import__(name)
took = time.monotonic() - began
try:
    threads = len(os.listdir("/proc/self/task"))
except OSError:
    import threading
    threads = threading.active_count()
sys.stdout.write("\n" + json.dumps({"fork": hasattr(os, "fork"), "threads": threads, "ms": int(took * 1000)}) + "\n")
`

// defaultProbe bounds a probe where no pool says how long a start may take.
const defaultProbe = 30 * time.Second

// lookAtInterpreters walks to each interpreter and has it import what its pool
// does.
func (d *doctor) lookAtInterpreters(ctx context.Context) {
	pools := d.config.Pools()
	if len(pools) == 0 {
		bare := d.config.OnDemand("")
		bare.Modules = nil
		pools = []config.Pool{bare}
	}
	var resolver python.Resolver
	passable := map[string]bool{}
	for _, p := range pools {
		inherit := d.config.File == ""
		venv := p.Venv
		if own := os.Getenv("VIRTUAL_ENV"); inherit && venv == "" && p.Origins["python"].Kind == config.OriginDefault {
			venv = own
		}
		found, err := resolver.Resolve(ctx, python.Spec{Python: p.Python, Venv: venv, Env: os.Environ()})
		if err != nil {
			remote := rpc.AsError(err)
			d.say(doctorFail, checkOf(p, "interpreter"), troubleOf(remote).Hint, "%s", strings.TrimSuffix(remote.Message, ": "+troubleOf(remote).Hint))
			continue
		}
		passes, known := passable[found.Path]
		if !known {
			passes = d.lookAtWay(p, found)
			passable[found.Path] = passes
		}
		if !passes {
			continue // nothing could be run there
		}
		if !d.lookAtDirectories(p) {
			continue
		}
		env := python.Environ{Daemon: os.Environ(), Inherit: inherit, Env: p.Env, PythonPath: p.PythonPath, Venv: venv}.Build()
		d.lookAtImport(ctx, p, found, env)
	}
}

// lookAtWay says whether the service's user gets to an interpreter.
func (d *doctor) lookAtWay(p config.Pool, found python.Interpreter) bool {
	stations, err := d.who.walk(found.Path)
	way := strings.Join(stations, " → ")
	var stop *blocked
	if errors.As(err, &stop) {
		d.say(doctorFail, checkOf(p, "interpreter"), stop.fix, "%s: %v", way, stop)
		return false
	}
	d.say(doctorOK, checkOf(p, "interpreter"), "", "%s %s: %s", found.Name, found.Version, way)
	return true
}

// checkOf names a check, with its pool where that is a declared one.
func checkOf(p config.Pool, what string) string {
	if p.Declared {
		return what + " " + p.Name
	}
	return what
}

// lookAtDirectories: what the pool is to find its modules in. It says whether an
// import can be tried.
func (d *doctor) lookAtDirectories(p config.Pool) bool {
	all := true
	for _, dir := range append([]string{p.Cwd}, p.PythonPath...) {
		if dir == "" {
			continue
		}
		info, err := os.Stat(dir)
		switch {
		case err != nil:
			d.say(doctorFail, checkOf(p, "directory"), "make it, or take it out of the configuration", "%s: %s", dir, rootText(err))
			all = false
		case !info.IsDir() || !d.who.may(info, 0o4) || !d.who.may(info, 0o1):
			d.say(doctorFail, checkOf(p, "directory"), "chmod o+rx "+dir, "%s may not be read by %s (it is %s)", dir, d.who.name, info.Mode())
			all = false
		}
	}
	return all
}

// lookAtImport runs the probe as the service's user.
func (d *doctor) lookAtImport(ctx context.Context, p config.Pool, found python.Interpreter, env []string) {
	modules := p.Modules
	if len(modules) == 0 && p.Declared {
		modules = []string{p.Module}
	}
	limit := p.StartTimeout
	if limit <= 0 {
		limit = defaultProbe
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, found.Path, append([]string{"-c", probeScript}, modules...)...)
	cmd.Env, cmd.Dir = env, p.Cwd
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // what the import started may keep the pipes open
	if !d.who.own && os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(d.who.uid), Gid: uint32(d.who.gid), Groups: unsigned(d.who.groups)}} //nolint:gosec // a uid
	}
	check := checkOf(p, "import")
	err := cmd.Run()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var said probeAnswer
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		d.say(doctorFail, check, "raise start-timeout, or find out what the import waits for", "%s did not import within %s", strings.Join(modules, ", "), limit)
		return
	case ctx.Err() != nil:
		return
	case err != nil:
		said := strings.Split(strings.TrimSpace(errs.String()), "\n")
		why := said[len(said)-1]
		if why == "" {
			why = err.Error()
		}
		d.say(doctorFail, check, howToImport(p, found, modules, why), "%s", why)
		return
	case json.Unmarshal([]byte(lines[len(lines)-1]), &said) != nil:
		d.say(doctorFail, check, "is its standard library whole? reinstall it", "%s ran, and did not say what it was asked", found.Path)
		return
	}
	what := "the standard library"
	if len(modules) > 0 {
		what = strings.Join(modules, ", ")
	}
	d.say(doctorOK, check, "", "%s in %d ms", what, said.MS)
	d.judgePreload(p, said)
}

// howToImport is what shows the whole of a failed import, as the pool would try
// it; and what may mend it.
func howToImport(p config.Pool, found python.Interpreter, modules []string, why string) string {
	var line string
	if p.Cwd != "" {
		line = "cd " + p.Cwd + " && "
	}
	if len(p.PythonPath) > 0 {
		line += "PYTHONPATH=" + strings.Join(p.PythonPath, string(os.PathListSeparator)) + " "
	}
	line = "read it with: " + line + found.Path + " -c 'import " + strings.Join(modules, ", ") + "'"
	if missing, ok := strings.CutPrefix(why, "ModuleNotFoundError: No module named '"); ok {
		line += "; if it is not yours, install it: " + found.Path + " -m pip install " + strings.TrimSuffix(missing, "'")
	}
	return line
}

// judgePreload: only one thread may be there when a process forks.
func (d *doctor) judgePreload(p config.Pool, said probeAnswer) {
	check := checkOf(p, "preload")
	switch {
	case !said.Fork && p.Preload:
		d.say(doctorFail, check, "set preload = false", "this interpreter cannot fork")
	case said.Threads > 1 && p.Preload:
		d.say(doctorFail, check, "set preload = false, or have the module start its threads at the first call", "the import leaves %s running: it cannot be forked", plural(said.Threads-1, "more thread"))
	case said.Threads > 1:
		d.say(doctorOK, check, "", "off, and not possible: the import leaves %s running", plural(said.Threads-1, "more thread"))
	case p.Preload:
		d.say(doctorOK, check, "", "on")
	case p.Declared && said.MS >= worthPreloading:
		d.say(doctorOK, check, "set preload = true", "off, and possible: workers would start about %d ms sooner", said.MS)
	default:
		d.say(doctorOK, check, "", "off, and possible")
	}
}

// worthPreloading is an import that is worth saving, in milliseconds.
const worthPreloading = 100

func unsigned(ids []int) []uint32 {
	out := make([]uint32, len(ids))
	for i, id := range ids {
		out[i] = uint32(id) //nolint:gosec // a gid
	}
	return out
}
