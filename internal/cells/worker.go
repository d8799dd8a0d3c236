package cells

import (
	"fmt"
	"strings"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

// Worker is its name, POOL/SLOT.
func Worker(w daemon.WorkerStatus) string { return fmt.Sprintf("%s/%d", w.Pool, w.Slot) }

// Workers are those that serve, "2/2", and the spares behind a plus, "2/2+1".
func Workers(p daemon.PoolStatus) string {
	text := fmt.Sprintf("%d/%d", p.WorkersReady, p.WorkersDesired)
	if p.SparesDesired > 0 {
		text += fmt.Sprintf("+%d", p.SparesReady)
	}
	return text
}

// LastExit says why and when: "SIGSEGV 5s ago", "exit 3 2m1s ago".
func LastExit(e *daemon.ExitStatus) string {
	if e == nil {
		return None
	}
	why := e.Reason
	switch {
	case e.Reason == "signal" && e.Signal != nil:
		why = *e.Signal
	case e.Reason == "exit" && e.ExitCode != nil:
		why = fmt.Sprintf("exit %d", *e.ExitCode)
	}
	return why + " " + Ago(e.At)
}

// Now is what a worker runs, and for how long.
func Now(n *daemon.Now) string {
	if n == nil {
		return None
	}
	what, took := Running(n)
	return strings.TrimSpace(what + " " + took)
}

// Running is the function, or how many coroutines, and for how long: of several
// the oldest.
func Running(n *daemon.Now) (what, took string) {
	if what = n.Function; n.Coroutines > 0 {
		what = fmt.Sprintf("%d coroutines", n.Coroutines)
	}
	return what, MS(float64(max(n.RunningMS, 1)))
}
