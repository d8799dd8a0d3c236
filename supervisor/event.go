package supervisor

import "time"

// Identity names one incarnation of a worker.
type Identity struct {
	Pool string
	Slot int
	Gen  int
	PID  int // 0 before the spawn
}

// Event is everything that can happen to a worker or slot that someone may
// want to see; a closed sum, turned into log lines and metrics in one place on
// floor 3. Hooks are called on the goroutine the thing happened on: they must
// not block.
type Event interface{ supervisorEvent() }

// Hook receives Events.
type Hook func(Event)

type (
	// Spawned: the process exists.
	Spawned struct {
		Identity
		Reason Reason // why: "" for the first, else the reason of the end it follows
	}
	// BecameReady: it answered mochi.ready.
	BecameReady struct {
		Identity
		Took   time.Duration // spawn to ready
		Python string
	}
	// StateChanged: a worker went from one state of the table to another.
	StateChanged struct {
		Identity
		From, To State
	}
	// Exited: it is dead and reaped; a failed start is an Exited with a
	// start.* reason.
	Exited struct {
		Identity
		Exit
		Lost     int // started calls that died with it
		Requeued int // calls given back unstarted
	}
	// BackedOff: the slot waits before the next spawn.
	BackedOff struct {
		Identity
		Delay  time.Duration
		Streak int // early deaths in a row
	}
	// TooBigAtRest: a worker holds more than its pool's max-memory before it has
	// done anything, and so will every one that follows it. Told by the pool,
	// from time to time.
	TooBigAtRest struct {
		Identity
		Held  Memory
		Limit int64 // max-memory, bytes
	}
	// Logged: a record from the worker's stdout, stderr or logging module.
	Logged struct {
		Identity
		Record LogRecord
	}
)

func (Spawned) supervisorEvent()      {}
func (BecameReady) supervisorEvent()  {}
func (StateChanged) supervisorEvent() {}
func (Exited) supervisorEvent()       {}
func (BackedOff) supervisorEvent()    {}
func (TooBigAtRest) supervisorEvent() {}
func (Logged) supervisorEvent()       {}

// LogRecord is one line, or one joined traceback, that a worker wrote.
type LogRecord struct {
	Time    time.Time
	Stream  string // "stdout" or "stderr"
	Level   string // "debug" "info" "warning" "error" "critical"
	Logger  string // the Python logger's name; "" for plain output
	Message string
	// Of the call that wrote it, where known.
	RequestID string
	Function  string
	TraceID   string // W3C, 32 hexadecimal digits; "" when its host gave none
	Dropped   int    // lines lost to the rate limit just before this one
}
