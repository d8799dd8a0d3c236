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

// Now is the function and for how long, or how many coroutines.
func Now(n *daemon.Now) string {
	switch {
	case n == nil:
		return None
	case n.Coroutines > 0:
		return fmt.Sprintf("%d coroutines", n.Coroutines)
	}
	return strings.TrimSpace(n.Function + " " + MS(float64(max(n.RunningMS, 1))))
}
