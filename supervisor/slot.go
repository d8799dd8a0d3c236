package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// SlotConfig is what a slot needs to know.
type SlotConfig struct {
	Pool   string
	Number int
	Gate   Gate
	// Next is asked for the worker's configuration before each spawn, so that
	// an interpreter that was installed meanwhile is found. The slot fills in
	// the Identity, and its own Hook where there is none.
	Next func(ctx context.Context, gen int) (WorkerConfig, error)
	Hook Hook
	// GracefulTimeout is how long a replaced worker may go on with its calls.
	GracefulTimeout time.Duration
}

// Breaker is a Gate that can say it has given up for now; a slot whose start
// fails then shows SlotBroken and not SlotBackoff.
type Breaker interface{ Broken() bool }

// Slot is a numbered place that is kept filled with one ready worker, for as
// long as Run runs and by that one goroutine, which alone changes its state.
type Slot struct {
	cfg  SlotConfig
	wake chan struct{} // a restart was asked for
	hard chan struct{} // closed by Kill

	mu       sync.Mutex
	grace    time.Duration // cfg.GracefulTimeout, which may be changed
	state    SlotState
	wanted   bool
	ended    bool
	killed   Reason // what Kill was given; "" before it
	gen      int
	lastExit *Exit
	current  *Worker // the one that serves
	starting *Worker // the one that is to
	asked    []*restart
}

// restart is one wish for a new worker and who waits for it.
type restart struct {
	reason Reason
	hard   bool
	answer chan error // buffered: the slot never waits for who asked
}

func (r *restart) done(err error) {
	if r != nil {
		r.answer <- err
	}
}

// NewSlot makes an empty slot; nothing runs before Run.
func NewSlot(cfg SlotConfig) *Slot {
	return &Slot{cfg: cfg, grace: cfg.GracefulTimeout, wake: make(chan struct{}, 1), hard: make(chan struct{})}
}

// Number is the slot's place in its pool.
func (s *Slot) Number() int { return s.cfg.Number }

// Run keeps the slot filled until ctx ends, then stops what is left of it
// (ReasonParent) and returns nil. It is called once.
func (s *Slot) Run(ctx context.Context) error {
	s.mu.Lock()
	if s.wanted || s.ended {
		s.mu.Unlock()
		return fmt.Errorf("slot %s/%d: Run was called twice: a slot lives once, make a new one", s.cfg.Pool, s.cfg.Number)
	}
	s.wanted = true
	s.mu.Unlock()
	k := &keeper{slot: s, ctx: ctx, admitted: make(chan *attempt, 1)}
	k.keep()
	return nil
}

// Restart replaces the worker; the channel gets one answer. Soft: a successor
// is started, and when it is ready the old one drains, up to GracefulTimeout,
// and is stopped; a successor that does not start leaves the old one serving,
// and the answer says why. Hard: the worker is killed now and the slot
// refilled; the answer is the refill's. Restarts are done one after the other,
// but a hard one overtakes a soft one.
func (s *Slot) Restart(reason Reason, hard bool) <-chan error {
	r := &restart{reason: reason, hard: hard, answer: make(chan error, 1)}
	s.mu.Lock()
	ended := s.ended
	if !ended {
		s.asked = append(s.asked, r)
	}
	s.mu.Unlock()
	if ended {
		r.done(s.ending())
		return r.answer
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return r.answer
}

// Kill ends the slot at once: what of it lives is killed and not stopped, also
// when Run's context has ended and a polite stop is under way. Returns at once.
func (s *Slot) Kill(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed == "" {
		s.killed = reason
		close(s.hard)
	}
}

// killedFor is why Kill was called.
func (s *Slot) killedFor() Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

// ending is what a restart is told when the slot ends.
func (s *Slot) ending() error {
	return rpc.Errorf(rpc.KindShuttingDown, "%s/%d is being shut down: there is nothing to restart", s.cfg.Pool, s.cfg.Number)
}

// Current is the worker that serves; nil when none does.
func (s *Slot) Current() *Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// Starting is the worker that is to serve next; nil when none is on its way.
func (s *Slot) Starting() *Worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starting
}

// SlotStat is a snapshot for ps.
type SlotStat struct {
	Slot     int
	State    SlotState
	Wanted   bool
	Gen      int // of the last worker; 0 before the first
	Restarts int // workers after the first
	LastExit *Exit
	Worker   *WorkerStat // the one that serves, else the one that is starting, else nil
}

// Stat is a snapshot.
func (s *Slot) Stat() SlotStat {
	s.mu.Lock()
	st := SlotStat{
		Slot: s.cfg.Number, State: s.state, Wanted: s.wanted, Gen: s.gen,
		Restarts: max(0, s.gen-1), LastExit: s.lastExit,
	}
	w := s.current
	if w == nil {
		w = s.starting
	}
	s.mu.Unlock()
	if w != nil {
		ws := w.Stat()
		st.Worker = &ws
	}
	return st
}

// apply takes a step of the table. Only keep's goroutine calls it.
func (s *Slot) apply(e slotEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, _ = s.state.next(e)
}

// show makes visible who serves and who is to.
func (s *Slot) show(current, starting *Worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.starting = current, starting
}

// exited notes an end.
func (s *Slot) exited(e Exit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastExit = &e
}

// follows is the reason of the slot's last end.
func (s *Slot) follows() Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lastExit == nil {
		return ""
	}
	return s.lastExit.Reason
}

// generation is that of the last worker.
func (s *Slot) generation() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gen
}

// nextGen counts a worker in.
func (s *Slot) nextGen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	return s.gen
}

// takeAsked takes the restarts that were asked for.
func (s *Slot) takeAsked() []*restart {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// close ends the slot for everyone who might still ask something of it.
func (s *Slot) close() {
	s.mu.Lock()
	s.wanted, s.ended = false, true
	s.current, s.starting = nil, nil
	asked := s.asked
	s.asked = nil
	s.mu.Unlock()
	s.apply(slotEnded)
	for _, r := range asked {
		r.done(s.ending())
	}
}

// whyNot is the error of a start that failed, for who asked for the restart.
func whyNot(e *Exit) error {
	if e.Failure != nil {
		return e.Failure
	}
	return errors.New("the new worker ended before it was ready: " + string(e.Reason) + ", it " + e.Status.describe())
}
