package supervisor

import (
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// Reason is why a worker ended: a word from one closed vocabulary, printed in
// ps, logged, and a metric's label. States are few and reasons are data.
type Reason string

// The exit reasons.
const (
	ReasonExit            Reason = "exit"              // it exited by itself
	ReasonSignal          Reason = "signal"            // a signal we did not send
	ReasonOOM             Reason = "oom"               // the kernel's OOM killer, or max-memory-hard
	ReasonDeadline        Reason = "deadline"          // killed: a call would not end in time
	ReasonCancel          Reason = "cancel"            // killed: a call would not be cancelled
	ReasonRecycleRequests Reason = "recycle.requests"  // max-requests
	ReasonRecycleAge      Reason = "recycle.age"       // max-age
	ReasonRecycleIdle     Reason = "recycle.idle"      // idle-timeout
	ReasonRecycleMemory   Reason = "recycle.memory"    // max-memory
	ReasonRestart         Reason = "restart"           // an operator's restart
	ReasonReload          Reason = "reload"            // new configuration or code
	ReasonScale           Reason = "scale"             // the pool shrank
	ReasonStartExec       Reason = "start.exec"        // the process could not be started
	ReasonStartInterp     Reason = "start.interpreter" // it died before our runtime ran
	ReasonStartImport     Reason = "start.import"      // the module did not import
	ReasonStartReady      Reason = "start.ready"       // not ready within start-timeout
	ReasonStartProtocol   Reason = "start.protocol"    // it speaks another protocol version
	ReasonProtocol        Reason = "protocol"          // it broke the wire's rules and was killed
	ReasonParent          Reason = "parent"            // the daemon or pool is ending
	ReasonOperator        Reason = "operator"          // an operator's kill
)

// Stage is where a start failed: data.stage of pool_unavailable.
type Stage string

// The start stages, in the order a start passes them.
const (
	StageExec        Stage = "exec"
	StageInterpreter Stage = "interpreter"
	StageImport      Stage = "import"
	StageReady       Stage = "ready"
	StageProtocol    Stage = "protocol"
)

// Exit is the whole story of a worker's end.
type Exit struct {
	Reason     Reason
	Status     WaitStatus
	WasReady   bool
	Answered   uint64        // calls it had answered
	Uptime     time.Duration // spawn to death
	At         time.Time
	Detail     string     // in words, where there is more to say: the rule it broke, the clock it missed
	StderrTail []string   // its last lines, oldest first
	Stack      string     // faulthandler's text, when it left one
	Failure    *rpc.Error // of a failed start: the import's traceback, exec's error, …
}

// Planned says that we or an operator meant this end: it never counts against
// a pool.
func (r Reason) Planned() bool {
	switch r {
	case ReasonDeadline, ReasonCancel,
		ReasonRecycleRequests, ReasonRecycleAge, ReasonRecycleIdle, ReasonRecycleMemory,
		ReasonRestart, ReasonReload, ReasonScale, ReasonParent, ReasonOperator:
		return true
	}
	return false
}
