package supervisor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// The short waits of a worker's end. They are no configuration: nobody gains
// by another value.
const (
	// eofGrace is what a worker gets, after end-of-file on its requests, to run
	// its atexit handlers before SIGTERM.
	eofGrace = 500 * time.Millisecond
	// doubtGrace is how long a worker that broke its end of the wire may take
	// to be dead, as most of them are about to be.
	doubtGrace = time.Second
	// drainGrace bounds how long a dead worker's pipes are read on: a process
	// that holds one of them open keeps nobody waiting.
	drainGrace = 250 * time.Millisecond
)

// run is the worker's whole life.
func (w *Worker) run(ctx context.Context) {
	defer close(w.done)
	if err := w.spawn(ctx); err != nil {
		w.neverBorn(ctx, err)
		return
	}
	waited := make(chan WaitStatus, 1)
	go func() { waited <- w.proc.Wait() }()
	read := make(chan struct{})
	go func() {
		defer close(read)
		w.read()
	}()
	pumps := w.log.pump(w.wire.stdout, w.wire.stderr)

	w.watch(ctx, waited, func(status WaitStatus) {
		w.bury(status, read, pumps)
	})
}

// spawn starts the process. That the one that was to fork it is gone is no failed
// start yet. The wire is another then: what was forked with the last breath may
// have spoken on the first.
func (w *Worker) spawn(ctx context.Context) error {
	err := w.tryToSpawn(ctx)
	if errors.Is(err, errHomeGone) {
		err = w.tryToSpawn(ctx)
	}
	return err
}

// tryToSpawn makes the wire and starts the process.
func (w *Worker) tryToSpawn(ctx context.Context) (err error) {
	seats, main := len(w.link.seats), w.link.main
	if w.wire, err = newWire(seats); err != nil {
		return err
	}
	c := w.cfg.Command
	variable := w.wire.variable(seats, main, w.cfg.MaxMessage, w.cfg.BusyPoll, w.cfg.CallTimeout)
	variable += w.refsKey()
	if w.cfg.LoopPerCall {
		variable += " eventloop=per-call"
	}
	if w.cfg.forks != nil {
		variable += w.wire.also("fork", w.cfg.forks)
	}
	c.Env = append(append(make([]string, 0, len(c.Env)+1), c.Env...), variable)
	w.proc, err = w.cfg.Spawner.Spawn(ctx, c, w.wire.files)
	w.wire.closeWorkerEnds()
	if err != nil {
		w.wire.close()
		return err
	}
	w.mu.Lock()
	w.pid, w.started, w.board = w.proc.Pid(), time.Now(), w.wire.board
	w.mu.Unlock()
	w.link.connect(w.wire, w.cfg.MaxMessage, func(err error) { w.suspect("its request pipe broke: " + err.Error()) })
	w.emit(Spawned{Identity: w.ID(), Reason: w.cfg.Follows})
	if err := w.wire.armLifeline(w.proc.Pid()); err != nil {
		w.end(verdict{reason: ReasonStartExec, stage: StageExec, cause: "its lifeline could not be armed: " + err.Error()}, true)
	}
	return nil
}

// watch waits for the death, and on the way does what is asked for.
func (w *Worker) watch(ctx context.Context, waited <-chan WaitStatus, bury func(WaitStatus)) {
	parent, ready := ctx.Done(), (<-chan struct{})(w.ready)
	start := newClock(w.cfg.StartTimeout)
	var doubt, term, kill clock
	ladders := climb{on: w}
	defer func() {
		ladders.stop()
		for _, c := range []clock{start, doubt, term, kill} {
			c.stop()
		}
	}()
	doubted, stopping := "", false
	for {
		select {
		case status := <-waited:
			if l := ladders.died(status); l != nil {
				w.fellAsked(l)
			}
			bury(status)
			return
		case <-parent:
			parent = nil
			w.Stop(endingReason(ctx))
		case <-ready:
			ready = nil // it stays closed: selecting it again would spin
			start.stop()
			start = clock{}
		case <-start.C:
			w.tooLate()
		case doubted = <-w.doubt:
			doubt = newClock(doubtGrace)
		case <-doubt.C:
			w.violate(doubted)
		case <-w.wake:
			switch hard := w.killAsked(); {
			case hard:
				w.link.cut()
				w.signal(syscall.SIGKILL)
			case !stopping:
				stopping = true
				w.link.finish()
				term = newClock(eofGrace)
			}
		case <-w.revoked:
			w.revoke()
		case <-w.shot:
			ladders.add(w.takeShots(), time.Now())
		case <-ladders.C:
			ladders.tick(time.Now())
		case <-w.log.heard:
			ladders.heard(time.Now())
		case <-term.C:
			w.signal(syscall.SIGTERM)
			kill = newClock(max(time.Duration(w.stopTimeout.Load()), time.Millisecond))
		case <-kill.C:
			w.signal(syscall.SIGKILL)
		}
	}
}

func (w *Worker) killAsked() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.killing
}

// signal goes to the whole group. That it finds nobody any more is what wait
// is about to say.
func (w *Worker) signal(sig syscall.Signal) { _ = w.proc.SignalGroup(sig) }

// suspect says that the wire broke, which proves nothing: most workers whose
// pipe ends are merely ahead of their own death.
func (w *Worker) suspect(cause string) {
	select {
	case w.doubt <- cause:
	default: // one doubt is enough
	}
}

// tooLate ends a start that took longer than start-timeout. The scoreboard
// says where it hangs.
func (w *Worker) tooLate() {
	if w.State() != Starting {
		return // ready at the last moment, or being ended for another reason
	}
	stage := stageOf(w.wire.board.snapshot())
	w.end(verdict{
		reason: reasonOf(stage), stage: stage,
		cause: fmt.Sprintf("it was not ready within %s (start-timeout)", w.cfg.StartTimeout),
	}, true)
}

// bury is what follows wait, which alone knows of a death: read what it had
// written, see what it had begun, tell the owner, and let go of everything.
func (w *Worker) bury(status WaitStatus, read <-chan struct{}, pumps *pumps) {
	died := time.Now()
	w.apply(eventDied)
	oom := w.killedForMemory(status, died)
	var back []*rpc.Call
	freed := 0
	if w.becameReady() && w.cfg.Owner != nil {
		unstarted := w.link.unstarted(w.wire.board.snapshot())
		back = w.cfg.Owner.WorkerFell(w, unstarted)
		freed = len(unstarted) - len(back)
	}
	if w.fall(status, oom) {
		// Its successor comes before the burial, which is a hundred short
		// system calls that give nobody else a turn: on the thread that has just made
		// the slot's goroutine runnable they put the next start off by half a
		// millisecond. What a spare can answer at once comes before both.
		runtime.Gosched()
	}
	w.signal(syscall.SIGKILL) // for a Spawner whose Wait left the group alone
	w.proc.Bury()
	at := time.Now()
	w.link.cut()
	_ = w.wire.out.SetReadDeadline(at.Add(drainGrace)) // a closed pipe needs none
	pumps.finishBy(at.Add(drainGrace))
	<-read
	wasReady := w.becameReady() // what a death cut short in between does not count
	pumps.wait()

	board := w.wire.board.snapshot()
	left, asked := w.link.orphans(board, w.felled)
	for _, c := range back { // they came behind what had begun
		left = append(left, Orphan{Call: c})
	}
	tail, stack := w.log.lastWords()
	w.mu.Lock()
	v := w.verdict
	w.board = nil
	e := Exit{Status: status, WasReady: wasReady, Uptime: died.Sub(w.started), At: died, StderrTail: tail, Stack: w.lastStack(stack)}
	w.mu.Unlock()
	e.Answered, _ = w.link.counts()
	w.judge(&e, v, board, oom)
	w.mourn(e, left, asked, freed)
	w.link.settle()
	w.wire.close()
}

// fall says at once that the worker is dead, where its successor may start while
// it is being buried. Nothing that is found while burying changes the reason:
// what a worker that was ready is accused of after its death does not count. It
// says whether that is so.
func (w *Worker) fall(status WaitStatus, oom bool) (harmless bool) {
	answered, _ := w.link.counts()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.becameReady() || answered == 0 && !w.verdict.reason.Planned() && !w.operators(status) {
		return false // it may be what a start is to be put off for
	}
	if w.fate = w.verdict.reason; w.fate == "" {
		w.fate = w.deathOf(status, oom)
	}
	close(w.fallen)
	return true
}

// neverBorn is the end of a worker that never was a process.
func (w *Worker) neverBorn(ctx context.Context, err error) {
	at := time.Now()
	w.apply(eventDied)
	w.mu.Lock()
	v := w.verdict
	w.mu.Unlock()
	e := Exit{Status: WaitStatus{ExitCode: -1, Err: err}, At: at}
	switch {
	case v.reason != "" && v.stage == "":
		e.Reason = v.reason
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		e.Reason = ReasonParent
	case e.unborn(err):
	default:
		e.Reason = ReasonStartExec
		e.Failure = w.startFailure(verdict{stage: StageExec, cause: err.Error()}, e)
	}
	w.mourn(e, nil, nil, 0)
}

// mourn tells everyone; freed is how many calls run elsewhere already.
func (w *Worker) mourn(e Exit, left []Orphan, asked *ask, freed int) {
	w.mu.Lock()
	w.exit = e
	w.mu.Unlock()
	if asked != nil {
		w.answered(asked, nil, e.lost(asked.method, true, w.ID()))
	}
	lost, requeued := 0, 0
	if w.cfg.Owner != nil {
		lost, requeued = w.cfg.Owner.WorkerGone(w, e, left)
	}
	w.emit(Exited{Identity: w.ID(), Exit: e, Lost: lost, Requeued: requeued + freed})
}

// becameReady says whether the owner knew of it as ready.
func (w *Worker) becameReady() bool {
	select {
	case <-w.ready:
		return true
	default:
		return false
	}
}

func (w *Worker) readyAt() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.readied
}

// clock is a timer that may not be there: its channel is nil then.
type clock struct {
	C <-chan time.Time
	t *time.Timer
}

func newClock(d time.Duration) clock {
	if d <= 0 {
		return clock{}
	}
	t := time.NewTimer(d)
	return clock{C: t.C, t: t}
}

func (c clock) stop() {
	if c.t != nil {
		c.t.Stop()
	}
}
