package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/rpc"
)

// stageOf reads from the scoreboard how far a start had come. A module that
// hangs while it is imported is stage "import", whatever clock caught it;
// "ready" is for what was imported and then said nothing.
func stageOf(board cells) Stage {
	switch board.stage() {
	case StageCellNone:
		return StageInterpreter
	case StageCellImport:
		return StageImport
	}
	return StageReady
}

// reasonOf is the exit reason of a start that failed at a stage; "" for a word
// that is no stage.
func reasonOf(s Stage) Reason {
	switch s {
	case StageExec:
		return ReasonStartExec
	case StageInterpreter:
		return ReasonStartInterp
	case StageImport:
		return ReasonStartImport
	case StageReady:
		return ReasonStartReady
	case StageProtocol:
		return ReasonStartProtocol
	}
	return ""
}

// judge fills in why the worker ended. What we or it had said before its death
// comes first; then the kernel's word; then its status.
func (w *Worker) judge(e *Exit, v verdict, board cells, oom bool) {
	w.mu.Lock()
	byOperator := w.operators(e.Status)
	w.mu.Unlock()
	switch {
	case v.reason != "":
		e.Reason, e.Detail = v.reason, v.cause
	case byOperator:
		e.Reason = ReasonOperator
	case !e.WasReady:
		v.stage = stageOf(board)
		v.cause = "it " + e.Status.describe()
		if oom {
			v.cause += " (the kernel's OOM killer)"
		}
		e.Reason = reasonOf(v.stage)
	default:
		e.Reason = reasonOfDeath(e.Status, oom)
	}
	switch {
	case v.failure != nil:
		e.Failure = v.failure
	case v.stage != "":
		e.Failure = w.startFailure(v, *e)
	}
}

// killedForMemory says that the kernel killed the worker, which nobody else
// wanted dead, because memory ran out.
func (w *Worker) killedForMemory(s WaitStatus, at time.Time) bool {
	w.mu.Lock()
	wanted := w.verdict.reason != ""
	w.mu.Unlock()
	return s.Signal == syscall.SIGKILL && !wanted && oomKills.claim(at)
}

// reasonOfDeath is why a worker died of which nobody had said anything.
func reasonOfDeath(s WaitStatus, oom bool) Reason {
	switch {
	case oom:
		return ReasonOOM
	case s.Signal != 0:
		return ReasonSignal
	}
	return ReasonExit
}

// startFailure is the error of a start that the worker itself could not word.
func (w *Worker) startFailure(v verdict, e Exit) *rpc.Error {
	stage, cause, hint := v.stage, v.cause, v.hint
	if hint == "" {
		hint = w.hint(stage, e)
	}
	return rpc.NewError(rpc.KindPoolUnavailable,
		fmt.Sprintf("a worker of %s did not start (stage %s): %s; %s", w.cfg.Pool, stage, cause, hint),
		rpc.Fields{"stage": stage, "cause": cause, "stderr_tail": tailOf(e), "hint": hint})
}

// hint says what to look at first, for the person who must fix it.
func (w *Worker) hint(stage Stage, e Exit) string {
	path := w.cfg.Command.Path
	said := strings.Join(e.StderrTail, "\n")
	switch stage {
	case StageExec:
		return execHint(path, w.cfg.Command.Dir, e.Status.Err)
	case StageInterpreter:
		switch {
		case strings.Contains(said, "SyntaxError"):
			return fmt.Sprintf("%s may be older than Python 3.9, which is the oldest that works: set python or venv to a newer one", path)
		case strings.Contains(said, "encodings") || strings.Contains(said, "PYTHONHOME"):
			return "the interpreter does not find its standard library: unset PYTHONHOME, or reinstall it"
		case strings.Contains(said, "can't open file") || strings.Contains(said, "No module named"):
			return "the rendered script is missing or unreadable for the daemon's user: check the runtime directory"
		case strings.Contains(said, "error while loading shared libraries"):
			return "the interpreter lacks a shared library: check LD_LIBRARY_PATH and its installation"
		case said == "" && e.Status.Signal == 0 && e.Status.ExitCode >= 0:
			return fmt.Sprintf("is %s a Python interpreter? It ended before it ran any of our code: try `%s --version`", path, path)
		}
		return fmt.Sprintf("the interpreter did not get as far as our code: try `%s -c pass`, and look for a sitecustomize or .pth file that fails", path)
	case StageImport:
		return "the module's import ended or hung the process: import it by hand in that interpreter, and look at stderr_tail; raise start-timeout if it is only slow"
	case StageReady:
		return "the module was imported and the worker then said nothing: look for import code that leaves a non-daemon thread holding the GIL, or that closes file descriptors"
	case StageProtocol:
		return "the script on the worker's path is of another version of mochi-pyd, or something else writes to its descriptors: clear the runtime directory and restart"
	}
	return ""
}

func execHint(path, dir string, err error) string {
	is := func(errno syscall.Errno) bool { return errors.Is(err, errno) }
	switch {
	case is(syscall.ENOENT) && dir != "":
		return fmt.Sprintf("there is no %s, or no directory %s: set python (or venv) and cwd to what exists", path, dir)
	case is(syscall.ENOENT):
		return fmt.Sprintf("there is no %s: set python or venv to an interpreter that exists", path)
	case is(syscall.EACCES), is(syscall.EPERM):
		return fmt.Sprintf("the daemon's user may not run %s: check the permissions of every directory on the way, and noexec mounts", path)
	case is(syscall.ENOEXEC):
		return fmt.Sprintf("%s is not a program this machine can run: set python to an interpreter", path)
	case is(syscall.EMFILE), is(syscall.ENFILE):
		return "out of file descriptors: raise LimitNOFILE, or run fewer workers"
	case is(syscall.EAGAIN):
		return "out of processes: raise TasksMax or the nproc limit, or run fewer workers"
	case is(syscall.ENOMEM):
		return "out of memory: run fewer workers, or raise the limit"
	}
	return fmt.Sprintf("try to run %s by hand as the daemon's user", path)
}

// unpreparedHint is for a start that failed before there was a command to run.
func unpreparedHint(err error) string {
	is := func(errno syscall.Errno) bool { return errors.Is(err, errno) }
	switch {
	case is(syscall.ENOSPC), is(syscall.EDQUOT):
		return "make room where the runtime directory is"
	case is(syscall.EACCES), is(syscall.EPERM), is(syscall.EROFS):
		return "let the daemon's user write to its runtime directory"
	case is(syscall.EMFILE), is(syscall.ENFILE):
		return "out of file descriptors: raise LimitNOFILE, or run fewer workers"
	}
	return "mend what the cause names: the start is tried again by itself"
}

// LostError is what a call gets whose worker died before answering it.
func (e Exit) LostError(o Orphan, id Identity) *rpc.Error {
	return e.lost(o.Call.Function, o.Started, id)
}

func (e Exit) lost(function string, started bool, id Identity) *rpc.Error {
	data := rpc.Fields{
		"signal": nil, "exit_code": nil,
		"oom": e.Reason == ReasonOOM, "started": started, "retryable": !started,
		"stderr_tail": tailOf(e), "stack": e.Stack,
		"worker": id.String(), "pid": id.PID, "reason": e.Reason,
	}
	if e.Status.Signal != 0 {
		data["signal"] = signalName(e.Status.Signal)
	} else if e.Status.Err == nil {
		data["exit_code"] = e.Status.ExitCode
	}
	how := e.Status.describe()
	switch e.Reason {
	case ReasonOOM:
		how = "was killed by the kernel for using too much memory"
		if e.Detail != "" {
			how = "was killed because " + e.Detail
		}
	case ReasonProtocol:
		how = "was killed for breaking the wire's rules (" + e.Detail + ")"
	case ReasonCancel, ReasonDeadline:
		how = "was killed because a call on it would not end (" + string(e.Reason) + ")"
	case ReasonSignal, ReasonExit:
	default:
		how += " (" + string(e.Reason) + ")"
	}
	when := "while running " + function + ": data says what it left behind; call again only if running twice does no harm"
	if !started {
		when = "before " + function + " had started: it is safe to call again"
	}
	return rpc.NewError(rpc.KindWorkerLost,
		fmt.Sprintf("worker %s (pid %d) %s %s", id, id.PID, how, when), data)
}

func tailOf(e Exit) []string {
	if e.StderrTail == nil {
		return []string{} // an empty list on the wire, and not null
	}
	return e.StderrTail
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}
