package supervisor

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// WorkerConfig is what one incarnation is made of.
type WorkerConfig struct {
	Identity // PID is filled in by the spawn
	Spawner  Spawner
	Command  Command
	Owner    Owner
	Hook     Hook

	MainSeats  int // calls that may be in the main thread's pipe at once
	LoopSeats  int // coroutines in flight at once
	MaxMessage int // longest line either side may write, bytes

	StartTimeout time.Duration // spawn + import + ready
	StopTimeout  time.Duration // SIGTERM to SIGKILL

	Follows Reason // the end this start follows; "" for the first
}

// Worker is one python3 process, one incarnation.
type Worker struct{}

// StartWorker begins a worker's life and returns at once; what becomes of it
// is told to the Owner. When ctx ends the worker is stopped (ReasonParent).
func StartWorker(ctx context.Context, cfg WorkerConfig) *Worker { return nil }

// ID names the incarnation; PID is 0 until the spawn.
func (w *Worker) ID() Identity { return Identity{} }

// State is where it is in its life.
func (w *Worker) State() State { return Dead }

// Send puts the call on a free seat of lane and writes its line without
// blocking. It refuses (false) when the worker is not Ready or no seat of the
// lane is free; the call is then the caller's as before.
func (w *Worker) Send(c *rpc.Call, lane Lane) bool { return false }

// Drain closes the worker to new calls; those it has go on.
func (w *Worker) Drain() {}

// Idle is closed when a draining worker has no call left.
func (w *Worker) Idle() <-chan struct{} { return nil }

// Stop ends it politely: end-of-file, SIGTERM, and after StopTimeout SIGKILL
// to the whole group. Returns at once.
func (w *Worker) Stop(reason Reason) {}

// Kill is SIGKILL to the whole group, now. Returns at once.
func (w *Worker) Kill(reason Reason) {}

// Done is closed when it is dead, reaped, and its owner has been told.
func (w *Worker) Done() <-chan struct{} { return nil }

// Ask calls one of the runtime's own methods ("mochi.describe", "mochi.ping")
// outside the owner's calls.
func (w *Worker) Ask(ctx context.Context, method string, params any) (json.RawMessage, error) {
	return nil, nil
}

// Running is a call that the scoreboard says has started.
type Running struct {
	Function string
	ID       string // the host's id, as it wrote it
	Since    time.Time
}

// WorkerStat is a snapshot for ps.
type WorkerStat struct {
	Identity
	State   State
	Python  string
	Started time.Time
	Ready   time.Time
	Calls   uint64 // answered
	Seated  int    // on a seat now
	Running []Running
}

// Stat is a snapshot.
func (w *Worker) Stat() WorkerStat { return WorkerStat{} }
