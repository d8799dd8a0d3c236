package supervisor

import (
	"context"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Kind is what a callable is, as the worker reported it: it decides which of
// the worker's two request pipes a call takes.
type Kind string

// The kinds of a module's names.
const (
	KindFunction       Kind = "function"
	KindCoroutine      Kind = "coroutine"
	KindGenerator      Kind = "generator"
	KindAsyncGenerator Kind = "async_generator"
	KindClass          Kind = "class"
	KindValue          Kind = "value"
)

// OnLoop says that calls of this kind run on the event loop's thread.
func (k Kind) OnLoop() bool { return k == KindCoroutine || k == KindAsyncGenerator }

// Lane is one of a worker's two request pipes.
type Lane int

// The lanes.
const (
	LaneMain Lane = iota // synchronous calls, one at a time, first in first out
	LaneLoop             // coroutines, overlapping
)

// ReadyInfo is the worker's first line.
type ReadyInfo struct {
	Protocol int          `json:"protocol"`
	Runtime  string       `json:"runtime"` // the runtime's digest
	Python   string       `json:"python"`  // "3.12.1"
	PID      int          `json:"pid"`
	Module   string       `json:"module"`
	Loop     bool         `json:"loop"` // the loop thread runs: LaneLoop may be used
	Methods  []MethodKind `json:"methods"`
}

// MethodKind is one name of the module's surface.
type MethodKind struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Owner is who a worker works for: a pool. Its methods are called on the
// worker's own goroutines and must not block.
type Owner interface {
	// WorkerReady: calls may be sent.
	WorkerReady(w *Worker, r ReadyInfo)
	// CallMoved: a call sent on LaneMain turned out to be a coroutine and now
	// runs on the loop: its main seat no longer holds others up. From now on
	// name is of that kind, and the loop's lane is open.
	CallMoved(w *Worker, c *rpc.Call, name string, kind Kind)
	// CallPaused: a call stands still before its answer, or goes on. lane is
	// where it runs. It may come when the call has just ended.
	CallPaused(w *Worker, c *rpc.Call, lane Lane, p Pause)
	// CallDone: the call is off its seat, which is free. The owner answers it,
	// before CallDone returns.
	CallDone(w *Worker, c *rpc.Call, a Answer)
	// CallVoid: a call that was to end (Interrupt) has not started and never
	// will, but another one holds the worker, so that its line cannot be skipped
	// yet. The owner answers it now. It stays on its seat until SeatFree or
	// WorkerGone, whose orphan it is not.
	CallVoid(w *Worker, c *rpc.Call)
	// SeatFree: the line of a call that was void has been skipped. It may come
	// before CallVoid has returned.
	SeatFree(w *Worker, lane Lane)
	// WorkerFell: the worker, which had been ready, is dead and takes no more
	// calls. unstarted are those it had not begun, in the order they were sent:
	// nobody will, so the owner may run them elsewhere at once. Those that it
	// gives back, and what had begun, whose answer may have been written before
	// the death, are settled by WorkerGone.
	WorkerFell(w *Worker, unstarted []*rpc.Call) (back []*rpc.Call)
	// WorkerGone: the worker is dead and reaped; nothing of it is alive. left
	// are its unanswered calls, in the order they were sent. It is the last
	// thing the owner hears of w.
	WorkerGone(w *Worker, e Exit, left []Orphan) (lost, requeued int)
}

// Answer is what a worker said to one call.
type Answer struct {
	Lane    Lane          // where the call ended: LaneLoop for one that had moved
	Service time.Duration // how long the worker had it in hand, waits behind other calls excluded
	Result  []byte        // raw JSON, valid until CallDone returns; nil when there is an Err
	Err     *rpc.Error
	Burst   *rpc.Burst // that brought it: for what is sent before CallDone returns
}

// Orphan is a call whose worker died before answering it.
type Orphan struct {
	Call    *rpc.Call
	Started bool // the scoreboard says it had begun: never run twice
	// Interrupted: it was to end (Interrupt), and the worker died of such a
	// call's not ending. The other calls of that worker are plain orphans.
	Interrupted bool
}

// Gate is asked before every spawn of a slot: the pool's crash policy (canary,
// backoff, broken) stands here.
type Gate interface {
	// Enter blocks until slot may spawn or ctx ends. done must be called once,
	// with the start's outcome: nil when the worker became ready.
	Enter(ctx context.Context, slot int) (done func(*Exit), err error)
}
