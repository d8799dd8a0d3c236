package python

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// The oldest CPython the workers' runtime runs on.
const (
	minMajor = 3
	minMinor = 9
)

// probeTimeout bounds the one run that asks an interpreter who it is; a shim
// that downloads something would hang a pool otherwise.
const probeTimeout = 15 * time.Second

// probeTail is how much of a failed probe's output goes into the error.
const probeTail = 2048

// probe prints after a marker of its own, because a sitecustomize may print
// too. -S and -I keep it to the bare interpreter: 6 ms.
const (
	probeMarker = "mochi-pyd:interpreter"
	probe       = `import sys
sys.stdout.write("\n".join(["", "` + probeMarker + `", sys.executable or "", "%d.%d.%d" % sys.version_info[:3], sys.prefix, sys.implementation.name,
    sys.implementation.cache_tag or "", getattr(sys.modules.get("_frozen_importlib_external"), "MAGIC_NUMBER", b"").hex(), ""]))`
)

// Interpreter is a real interpreter, never a shim.
type Interpreter struct {
	Path    string // what to start; a virtual environment's own, so that its packages are found
	Version string // "3.12.1"
	Prefix  string // sys.prefix
	Name    string // "cpython"
	Tag     string // of the bytecode it writes, "cpython-312"; "" where it writes none
	Magic   string // what that begins with, in hex
}

// Spec says which interpreter is wanted.
type Spec struct {
	Python string   // a name on PATH or a path
	Venv   string   // a virtual environment's directory; wins over Python
	Env    []string // the environment that PATH is read from and shims run in
}

// Resolver resolves and remembers.
type Resolver struct {
	mu    sync.Mutex
	known map[string]entry
}

type entry struct {
	found  Interpreter
	stamps [2]stamp // of what was asked, and of what it turned out to be
}

// stamp notices that a file was replaced.
type stamp struct {
	mtime time.Time
	size  int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// The stages of a start that may end here: data.stage of the error, and the
// reason of the event that tells of it. What is not there or cannot be run is
// "exec", found before the start or by it; what runs and is not a CPython that
// the workers' runtime can use is "interpreter".
const (
	stageExec        = "exec"
	stageInterpreter = "interpreter"
)

// Resolve finds the interpreter. An error is a pool_unavailable of one of the
// stages, with a hint.
func (r *Resolver) Resolve(ctx context.Context, s Spec) (Interpreter, error) {
	path, err := s.locate()
	if err != nil {
		return Interpreter{}, err
	}
	r.mu.Lock()
	e, ok := r.known[path]
	r.mu.Unlock()
	if ok && e.stamps == [2]stamp{stampOf(path), stampOf(e.found.Path)} {
		return e.found, nil
	}
	// Two pools may probe at once: harmless, and no lock is held over a run.
	found, err := ask(ctx, path, s.Env)
	if err != nil {
		return Interpreter{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]entry{}
	}
	r.known[path] = entry{found, [2]stamp{stampOf(path), stampOf(found.Path)}}
	return found, nil
}

// locate gives the absolute path of what is to be asked.
func (s Spec) locate() (string, error) {
	if s.Venv != "" {
		path := filepath.Join(s.Venv, "bin", "python")
		if !executable(path) {
			return "", unavailable(stageExec, fmt.Sprintf("%s is no virtual environment: it has no bin/python", s.Venv),
				fmt.Sprintf("create it: python3 -m venv %s", s.Venv), nil)
		}
		return filepath.Abs(path)
	}
	if strings.ContainsRune(s.Python, '/') {
		if !executable(s.Python) {
			return "", unavailable(stageExec, fmt.Sprintf("there is no executable %s", s.Python),
				"give python the path of an interpreter, or the name of one on PATH", nil)
		}
		return filepath.Abs(s.Python)
	}
	search := lookup(s.Env, "PATH")
	for _, dir := range filepath.SplitList(search) {
		if path := filepath.Join(dir, s.Python); filepath.IsAbs(path) && executable(path) {
			return path, nil
		}
	}
	return "", unavailable(stageExec, fmt.Sprintf("there is no %s on PATH (%s)", s.Python, search),
		"install Python 3, or give python the path of an interpreter", nil)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func ask(ctx context.Context, path string, env []string) (Interpreter, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-S", "-c", probe)
	cmd.Env = env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // a shim's child may keep the pipes open
	runErr := cmd.Run()
	if ctx.Err() != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return Interpreter{}, unavailable(stageInterpreter, fmt.Sprintf("%s did not say who it is within %s", path, probeTimeout),
				"run it by hand: is it an interpreter, or something that waits?", errs.Bytes())
		}
		return Interpreter{}, ctx.Err()
	}
	if cmd.ProcessState == nil { // it never ran
		return Interpreter{}, unavailable(stageExec, fmt.Sprintf("%s cannot be started: %s", path, startFailure(runErr)), startHint(path, runErr), nil)
	}
	_, answer, ok := strings.Cut(out.String(), probeMarker+"\n")
	fields := strings.Split(answer, "\n")
	if !ok || len(fields) < 4 {
		reason := "it printed something else"
		if runErr != nil {
			reason = runErr.Error()
		}
		return Interpreter{}, unavailable(stageInterpreter, fmt.Sprintf("%s is no Python 3 interpreter (%s)", path, reason),
			"give python the path of a CPython 3.9 or newer", errs.Bytes())
	}
	found := Interpreter{Path: fields[0], Version: fields[1], Prefix: fields[2], Name: fields[3]}
	if len(fields) > 5 {
		found.Tag, found.Magic = fields[4], fields[5]
	}
	if found.Path == "" { // an embedded or odd build that does not know itself
		found.Path = path
	}
	if !newEnough(found.Version) {
		return Interpreter{}, unavailable(stageInterpreter, fmt.Sprintf("%s is Python %s, which is too old", path, found.Version),
			fmt.Sprintf("give python the path of a CPython %d.%d or newer", minMajor, minMinor), nil)
	}
	return found, nil
}

// startFailure is the kernel's own word, without the path around it.
func startFailure(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return err.Error()
}

// startHint says what to do about a probe that could not be started. It is the
// first process of a start, so it is the one that meets the system's limits.
func startHint(path string, err error) string {
	is := func(errno syscall.Errno) bool { return errors.Is(err, errno) }
	switch {
	case is(syscall.EAGAIN):
		return "out of processes: raise TasksMax or the nproc limit, or run fewer workers"
	case is(syscall.EMFILE), is(syscall.ENFILE):
		return "out of file descriptors: raise LimitNOFILE, or run fewer workers"
	case is(syscall.ENOMEM):
		return "out of memory: run fewer workers, or raise the limit"
	case is(syscall.ENOENT):
		return "it names an interpreter that is not there in its first line: reinstall it"
	case is(syscall.ENOEXEC):
		return "it is no program that this machine can run: give python the path of an interpreter"
	case is(syscall.EACCES), is(syscall.EPERM):
		return "the daemon's user may not run it: check the permissions of every directory on the way, and noexec mounts"
	}
	return fmt.Sprintf("try to run %s by hand as the daemon's user", path)
}

func newEnough(version string) bool {
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (major > minMajor || major == minMajor && minor >= minMinor)
}

func unavailable(stage, message, hint string, tail []byte) *rpc.Error {
	fields := rpc.Fields{"stage": stage, "cause": message, "stderr_tail": []string{}, "hint": hint}
	if tail = bytes.TrimSpace(tail); len(tail) > 0 {
		fields["stderr_tail"] = strings.Split(string(tail[max(0, len(tail)-probeTail):]), "\n")
	}
	return rpc.NewError(rpc.KindPoolUnavailable, message+": "+hint, fields)
}
