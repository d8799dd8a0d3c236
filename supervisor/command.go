package supervisor

import (
	"context"
	"os"
	"syscall"
)

// Command is what to start: everything but the descriptors, which are the
// supervisor's own business.
type Command struct {
	Path string   // the interpreter, resolved: never a shim
	Args []string // after argv[0]
	Env  []string // the whole environment; the wire's variable is added to it
	Dir  string   // working directory; "" = the daemon's
}

// WireVariable names the inherited descriptors to the worker, as
// space-separated key=value pairs, numbers but for refs:
//
//	in       requests for the main thread (read)
//	loop     requests for the event loop's thread (read)
//	out      replies of both (write)
//	control  8-byte little-endian link ids to cancel or skip (read, non-blocking)
//	life     end-of-file means the daemon is gone (read)
//	board    the scoreboard (a shared page of 8-byte little-endian cells)
//	side     lines for the call of the main thread that waits: credit, answers to
//	         its callbacks (read); what is for the loop's calls comes by loop
//	seats    calls that fit on the worker at once; link id = n*seats + seat
//	main     how many of the seats, from 0, are the main thread's
//	message  the longest line either side may write, in bytes
//	poll     the longest a thread polls before it sleeps, in microseconds: 0 is
//	         never; absent: the runtime decides
//	timeout  the pool's call-timeout in milliseconds; absent: none
//	refs     what the ids of its handles begin with: "p1.w3.g2"
//	handles  how many of them one connection may hold; absent: the runtime decides
//	eventloop  "per-call": a fresh event loop for each coroutine; absent: one
//	         for all of them
//	dump     the signal that asks for the stacks of all threads on stderr
//	         (DumpSignal); absent where there is none
//
// Cell 0 of the board is the start stage (StageCell…); cell 1+seat holds the
// id of the call that was last started on that seat, and cell 1+seats+seat, which
// the daemon writes, the id of the one that is not to start any more. The worker
// reads it after it has noted a start and before it runs the call.
const WireVariable = "MOCHI_PYD_WIRE"

// ProtocolVersion is the worker leg's; a worker that reports another one is
// not started (stage "protocol").
const ProtocolVersion = 1

// What the worker writes into cell 0 of the board as it comes up, so that a
// silent death names its stage.
const (
	StageCellNone   = 0 // nothing ran yet: the interpreter itself
	StageCellImport = 1 // the runtime is up, the user's module is being imported
	StageCellReady  = 2 // imported; mochi.ready is about to be written
)

// Files are the worker's ends of its descriptors.
type Files struct {
	Stdin, Stdout, Stderr *os.File
	Extra                 []*os.File // fd 3, 4, … in this order
}

// Spawner is the seam to the operating system; fakes stand here in tests of
// rare faults.
type Spawner interface {
	// Spawn starts the command as the leader of a process group of its own.
	Spawn(ctx context.Context, c Command, f Files) (Process, error)
}

// Process is one started process.
type Process interface {
	Pid() int
	// Wait blocks until the process is dead and reaped: the only truth of
	// death. It is called once.
	Wait() WaitStatus
	// Bury ends what the process has left behind. It is called once, after
	// Wait, and apart from it, because it may take its time and a successor
	// need not wait for it.
	Bury()
	// Signal goes to the process alone; SignalGroup to its whole group.
	Signal(sig syscall.Signal) error
	SignalGroup(sig syscall.Signal) error
	// Kick sends SIGURG to the main thread: look into the control pipe. The
	// signal is ignored by default, so it does no harm before there is a
	// handler, or in what the worker has exec'd.
	Kick() error
}

// WaitStatus is how a process ended.
type WaitStatus struct {
	ExitCode int            // -1 when a signal ended it
	Signal   syscall.Signal // 0 when it exited
	Core     bool
	MaxRSS   int64 // bytes
	Err      error // wait itself failed
}
