package supervisor

import "syscall"

// ending are the signals that a worker is meant to end by, in whatever way it
// does: a handler of its own may exit with a status.
var ending = map[syscall.Signal]bool{
	syscall.SIGHUP: true, syscall.SIGQUIT: true, syscall.SIGABRT: true, syscall.SIGTERM: true, syscall.SIGKILL: true,
}

// Signal sends the worker's whole group a signal, for an operator; false when
// there is no process (any more). An end that follows from it has
// ReasonOperator, so that it counts against nobody.
func (w *Worker) Signal(sig syscall.Signal) bool {
	w.mu.Lock()
	alive := w.pid != 0 && w.state != Dead
	if alive {
		w.operator = sig
	}
	w.mu.Unlock()
	switch {
	case !alive:
		return false
	case sig == syscall.SIGKILL:
		w.Kill(ReasonOperator) // which takes what it has started along
		return true
	}
	return w.proc.SignalGroup(sig) == nil
}

// operators says that an end was an operator's signal. Called with mu held.
func (w *Worker) operators(s WaitStatus) bool {
	return w.operator != 0 && s.Err == nil && (s.Signal == w.operator || s.Signal == 0 && ending[w.operator])
}

// deathOf is why a worker died of which nobody had decided anything. Called with
// mu held.
func (w *Worker) deathOf(s WaitStatus, oom bool) Reason {
	if w.operators(s) {
		return ReasonOperator
	}
	return reasonOfDeath(s, oom)
}
