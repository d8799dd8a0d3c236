package supervisor

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
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

	LoopPerCall bool // a fresh event loop for each coroutine

	BusyPoll time.Duration // longest it polls before it sleeps; 0 = the runtime's adaptive choice, negative = never

	CallTimeout time.Duration // of a call that asks for no shorter one, for the worker's own clock; 0 = none

	StartTimeout time.Duration // spawn + import + ready
	StopTimeout  time.Duration // SIGTERM to SIGKILL

	PoolNumber int     // of the pool among the daemon's: part of its handles' ids
	MaxHandles int     // that one connection may hold on it; 0 = the runtime's default
	Ledger     *Ledger // of its handles and others'; may be nil

	LogRate int // lines a second the worker may log; 0 = DefaultLogRate, negative = no limit

	Follows Reason // the end this start follows; "" for the first

	onReady func()   // the slot's, before the owner's WorkerReady
	forks   *os.File // the worker's end of a nursery's socket; nil for a worker that serves
}

// Worker is one python3 process, one incarnation. Its life is told in one
// place, run (life.go); the methods here only ask for things.
type Worker struct {
	cfg  WorkerConfig
	link *link
	log  *journal

	// Of the goroutine run alone, until it has ended.
	wire   *wire
	proc   Process
	felled bool   // a ladder killed it (interrupt.go)
	mute   string // why such a worker may have shown no stacks

	asking  chan struct{} // holds the turn of the one question (ask.go)
	wake    chan struct{} // something was asked of run
	shot    chan struct{} // something was added to shots
	revoked chan struct{} // what waits on the main lane is wanted back
	doubt   chan string   // the wire broke: see to it
	ready   chan struct{}
	fallen  chan struct{}
	done    chan struct{}

	stopTimeout atomic.Int64 // cfg.StopTimeout, which may be changed

	// telling keeps a transition and its event together, so that a Hook sees
	// the states in the order they were taken. It is taken before mu.
	telling sync.Mutex

	mu        sync.Mutex
	state     State
	pid       int
	info      ReadyInfo
	started   time.Time // spawned
	readied   time.Time
	killing   bool           // SIGKILL is asked for
	operator  syscall.Signal // an operator's, the last one; 0: none
	fate      Reason         // why it died; of one that has fallen
	shots     []*ladder      // calls that run is to end
	revocable int            // how often a call may have been taken back that is asked back
	verdict   verdict
	exit      Exit
	board     *board // for Stat; nil before the spawn and after the end
}

// verdict is why the worker ends, decided once: the first cause wins.
type verdict struct {
	reason  Reason
	stage   Stage      // of a failed start
	cause   string     // in words: what it did wrong
	hint    string     // what to do about it; "" for the stage's own
	failure *rpc.Error // the worker's own word on why it did not start
}

// StartWorker begins a worker's life and returns at once; what becomes of it
// is told to the Owner. When ctx ends the worker is stopped (ReasonParent).
func StartWorker(ctx context.Context, cfg WorkerConfig) *Worker {
	cfg.MainSeats = max(cfg.MainSeats, 1)
	cfg.LoopSeats = max(cfg.LoopSeats, 0)
	if cfg.MaxMessage <= 0 {
		cfg.MaxMessage = rpc.DefaultMaxMessage
	}
	w := &Worker{
		cfg:     cfg,
		link:    newLink(cfg.MainSeats, cfg.LoopSeats),
		asking:  make(chan struct{}, 1),
		wake:    make(chan struct{}, 1),
		shot:    make(chan struct{}, 1),
		revoked: make(chan struct{}, 1),
		doubt:   make(chan string, 1),
		ready:   make(chan struct{}),
		fallen:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	w.link.ledger = cfg.Ledger
	w.stopTimeout.Store(int64(cfg.StopTimeout))
	w.log = newJournal(cfg.LogRate, w.link.whose, func(r LogRecord) {
		w.emit(Logged{Identity: w.ID(), Record: r})
	})
	go w.run(ctx)
	return w
}

// ID names the incarnation; PID is 0 until the spawn.
func (w *Worker) ID() Identity {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.cfg.Identity
	id.PID = w.pid
	return id
}

// String names the place a worker has: "numpy/0", or "numpy/preload" for the
// process that forks them.
func (i Identity) String() string {
	if i.Slot == HomeSlot {
		return i.Pool + "/preload"
	}
	return i.Pool + "/" + strconv.Itoa(i.Slot)
}

// State is where it is in its life.
func (w *Worker) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// Send puts the call on a free seat of lane and writes its line without
// blocking. It refuses (false) when the worker is not Ready or no seat of the
// lane is free; the call is then the caller's as before.
// b is the burst that the caller works through, or nil.
func (w *Worker) Send(c *rpc.Call, lane Lane, b *rpc.Burst) bool { return w.link.send(c, lane, b) }

// Drain closes the worker to new calls; those it has go on.
func (w *Worker) Drain() { w.apply(eventDrain) }

// Idle is closed when a draining worker has no call left.
func (w *Worker) Idle() <-chan struct{} { return w.link.idle }

// Stop ends it politely: end-of-file, SIGTERM, and after StopTimeout SIGKILL
// to the whole group. Returns at once.
func (w *Worker) Stop(reason Reason) { w.end(verdict{reason: reason}, false) }

// Kill is SIGKILL to the whole group, now. Returns at once.
func (w *Worker) Kill(reason Reason) { w.end(verdict{reason: reason}, true) }

// Ready is closed when the worker has become ready and its owner knows.
func (w *Worker) Ready() <-chan struct{} { return w.ready }

// Fallen is closed when it is dead and its successor need not wait until it is
// buried: its death was planned, or came after it had answered calls, so that
// it says nothing against a start. It stays open for any other death.
func (w *Worker) Fallen() <-chan struct{} { return w.fallen }

// Fate is why it died; only after Fallen.
func (w *Worker) Fate() Reason {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fate
}

// Done is closed when it is dead, reaped, and its owner has been told.
func (w *Worker) Done() <-chan struct{} { return w.done }

// Exit is how it ended; only after Done.
func (w *Worker) Exit() Exit {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.exit
}

// end asks run to end the worker, and decides why unless that is decided.
func (w *Worker) end(v verdict, kill bool) {
	w.mu.Lock()
	if w.verdict.reason == "" && w.state != Dead {
		w.verdict = v
	}
	w.killing = w.killing || kill
	w.mu.Unlock()
	w.apply(eventStop)
	select {
	case w.wake <- struct{}{}:
	default: // run has a wake-up waiting, and reads what is asked then
	}
}

// violate kills a worker that broke the wire's rules. Before it was ready that
// is a start that failed, by its stage "protocol".
func (w *Worker) violate(cause string) {
	v := verdict{reason: ReasonProtocol, cause: cause}
	if w.State() == Starting {
		v.reason, v.stage = ReasonStartProtocol, StageProtocol
	}
	w.end(v, true)
}

// apply takes one step of the table, lets the link follow, and tells.
func (w *Worker) apply(e event) bool {
	w.telling.Lock()
	defer w.telling.Unlock()
	w.mu.Lock()
	from := w.state
	to, ok := from.next(e)
	w.state = to
	if ok {
		switch to {
		case Ready:
			w.link.admit()
		case Draining:
			w.link.startDrain()
		case Stopping, Dead:
			w.link.shutOut()
		}
	}
	w.mu.Unlock()
	if ok {
		w.emit(StateChanged{Identity: w.ID(), From: from, To: to})
	}
	return ok
}

func (w *Worker) emit(e Event) {
	if w.cfg.Hook != nil {
		w.cfg.Hook(e)
	}
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
	Handles int    // objects held for hosts
	Running []Running
}

// Stat is a snapshot.
func (w *Worker) Stat() WorkerStat {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := WorkerStat{
		Identity: w.cfg.Identity, State: w.state, Python: w.info.Python,
		Started: w.started, Ready: w.readied,
	}
	s.PID = w.pid
	s.Calls, s.Seated = w.link.counts()
	s.Handles = w.Handles()
	if w.board != nil && s.Seated > 0 {
		s.Running = w.link.running(w.board.snapshot())
	}
	return s
}

// describe words a status: "exited with status 3", "died by SIGSEGV".
func (s WaitStatus) describe() string {
	switch {
	case s.Err != nil:
		return s.Err.Error()
	case s.Signal != 0:
		return "died by " + signalName(s.Signal)
	}
	return fmt.Sprintf("exited with status %d", s.ExitCode)
}
