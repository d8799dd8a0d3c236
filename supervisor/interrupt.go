package supervisor

import (
	"fmt"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Interruption is why a call is to end, and how long it may take to.
type Interruption struct {
	// Reason is ReasonCancel or ReasonDeadline: why the worker was killed, if it
	// comes to that.
	Reason Reason
	// Grace is the time from the first shot to the stack dump and SIGKILL
	// (cancel-grace).
	Grace time.Duration
}

// Interrupt makes a call end: it is cancelled where it runs, or skipped where
// it still waits in the pipe, and answers by itself; one that does not within
// the grace is ended with its worker. False says that the call is not on this
// worker, or not any more. It returns at once; the end comes as CallDone, as
// WorkerGone with Orphan.Interrupted or, where another call keeps it from being
// reached, as CallVoid. A second Interrupt of the same call changes nothing.
func (w *Worker) Interrupt(c *rpc.Call, i Interruption) bool {
	id, again, ok := w.link.shoot(c)
	if !ok || again {
		return ok
	}
	w.mu.Lock()
	w.shots = append(w.shots, newLadder(id, c.Function, i, time.Now()))
	w.mu.Unlock()
	select {
	case w.shot <- struct{}{}:
	default: // run has a wake-up waiting, and takes all there are
	}
	return true
}

// takeShots is what run was asked to interrupt since it looked last.
func (w *Worker) takeShots() []*ladder {
	w.mu.Lock()
	defer w.mu.Unlock()
	shots := w.shots
	w.shots = nil
	return shots
}

// A worker is what its ladders stand against. The methods below are for climb,
// and of the goroutine run.
var _ climbed = (*Worker)(nil)

func (w *Worker) look() func(id uint64) sight {
	board := w.wire.board.snapshot()
	return func(id uint64) sight { return w.link.sight(id, board) }
}

func (w *Worker) shoot(id uint64) bool { return w.wire.shoot(id) }

func (w *Worker) strike(id uint64) bool { return w.wire.board.strike(id) }

func (w *Worker) void(id uint64) {
	if c := w.link.void(id); c != nil {
		w.cfg.Owner.CallVoid(w, c)
	}
}

// kick may find nobody any more, which is what wait is about to say.
func (w *Worker) kick() { _ = w.proc.Kick() }

func (w *Worker) dump() bool {
	if DumpSignal == 0 {
		return false
	}
	w.log.listen()
	return w.proc.Signal(DumpSignal) == nil
}

func (w *Worker) spare() { w.log.unlisten() }

// fell kills the worker because a call on it would not end. If somebody else
// has asked for its SIGKILL already, it is not the ladder it dies of.
func (w *Worker) fell(l *ladder) {
	if w.killAsked() {
		return
	}
	w.felled = true
	w.mute = muteness(w.proc.Pid())
	w.end(verdict{
		reason: l.reason,
		cause:  fmt.Sprintf("%s would not end within %s (cancel-grace)", l.function, l.grace),
	}, true)
}

// fellAsked is the end of a worker that was asked for its stacks and died of
// the question: it had lost the handler, or never had one.
func (w *Worker) fellAsked(l *ladder) {
	w.fell(l)
	w.mute = "the process has no handler for the request for one"
}

// lastStack is what an Exit shows as the stack: what faulthandler left, or why
// a worker that was asked for its stacks showed none.
func (w *Worker) lastStack(captured string) string {
	if captured == "" && w.felled && w.mute != "" {
		return "no Python stack: " + w.mute
	}
	return captured
}

// dumpKey is the wire's word for the signal that asks for a dump.
func dumpKey() string {
	if DumpSignal == syscall.Signal(0) {
		return ""
	}
	return fmt.Sprintf(" dump=%d", int(DumpSignal))
}
