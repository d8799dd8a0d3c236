package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// keeper is the goroutine of a slot: everything in it is its own. At most
// three workers are its at once: the one that serves, the one that is to serve
// next, and the one that served before and still has calls in hand.
type keeper struct {
	slot *Slot
	ctx  context.Context // Run's, and lives exactly as long

	current *Worker
	fallen  bool // current is dead and being buried, and its successor may start
	attempt *attempt
	old     *Worker
	grace   clock // of old

	admitted chan *attempt // what the attempt's goroutine brings back
	active   *restart      // the restart that is being done
	queue    []*restart    // those that come after it
}

// attempt is one start, from asking the gate to ready or dead. The gate and
// the configuration may block, so they are waited for on a goroutine of their
// own, which brings the attempt back whatever became of it.
type attempt struct {
	cancel  context.CancelFunc
	restart *restart // who wants it; nil: it only refills

	cfg    WorkerConfig
	err    error       // why there is nothing to start
	done   func(*Exit) // the gate's; nil when it was not passed
	worker *Worker
}

// keep is Run.
func (k *keeper) keep() {
	for k.ctx.Err() == nil && k.slot.killedFor() == "" {
		k.pursue()
		var tryReady, tryDone, fallen, currentDone, oldIdle, oldDone <-chan struct{}
		if k.attempt != nil && k.attempt.worker != nil {
			tryReady, tryDone = k.attempt.worker.Ready(), k.attempt.worker.Done()
			switch {
			case k.fallen:
				tryReady, tryDone = nil, nil // one end after the other
			case k.active != nil && k.active.hard && (k.current != nil || k.old != nil):
				tryReady = nil // those that were killed are buried first
			}
		}
		if k.current != nil {
			currentDone = k.current.Done()
			if !k.fallen {
				fallen = k.current.Fallen()
			}
		}
		if k.old != nil {
			oldDone = k.old.Done()
			if k.grace.C != nil {
				oldIdle = k.old.Idle()
			}
		}
		select {
		case <-k.ctx.Done():
		case <-k.slot.hard:
		case <-k.slot.wake:
			k.queue = append(k.queue, k.slot.takeAsked()...)
		case a := <-k.admitted:
			k.spawn(a)
		case <-tryReady:
			k.succeeded()
		case <-tryDone:
			k.failed()
		case <-fallen:
			k.fallen = true
		case <-currentDone:
			k.lost()
		case <-oldIdle:
			k.stopOld()
		case <-k.grace.C:
			k.stopOld()
		case <-oldDone:
			k.buried()
		}
	}
	k.end()
}

// pursue begins what can be begun now: the next restart, a refill.
func (k *keeper) pursue() {
	if i := slices.IndexFunc(k.queue, func(r *restart) bool { return r.hard }); i >= 0 && (k.active == nil || !k.active.hard) {
		hard := k.queue[i]
		k.queue = slices.Delete(k.queue, i, i+1)
		k.active.done(errors.New("overtaken by a hard restart of the same worker"))
		k.active = hard
		k.killAll(hard)
	}
	if k.active == nil && len(k.queue) > 0 && k.old == nil && (k.attempt == nil || k.attempt.worker == nil) {
		k.active, k.queue = k.queue[0], k.queue[1:]
		if k.attempt != nil {
			k.attempt.restart = k.active // it has not been started: it will be as new as can be
		} else if k.current != nil {
			k.begin()
		}
	}
	if (k.current == nil || k.fallen) && k.attempt == nil {
		k.begin()
	}
}

// killAll makes room for a hard restart.
func (k *keeper) killAll(r *restart) {
	for _, w := range []*Worker{k.current, k.old} {
		if w != nil {
			w.Kill(r.reason)
		}
	}
	switch {
	case k.attempt == nil:
	case k.attempt.worker == nil:
		k.attempt.restart = r
	default:
		k.attempt.restart = nil
		k.attempt.worker.Kill(r.reason)
	}
}

// begin asks the gate.
func (k *keeper) begin() {
	ctx, cancel := context.WithCancel(k.ctx)
	a := &attempt{cancel: cancel, restart: k.active}
	if k.active != nil && !k.active.hard && k.old != nil {
		a.restart = nil // its successor was ready, and has died since: this one only refills
	}
	k.attempt = a
	cfg, gen := k.slot.cfg, k.slot.generation()+1
	go func() {
		done, err := cfg.Gate.Enter(ctx, cfg.Number)
		if err == nil {
			var once sync.Once
			a.done = func(e *Exit) { once.Do(func() { done(e) }) }
			a.cfg, err = cfg.Next(ctx, gen)
		}
		a.err = err
		k.admitted <- a // buffered, and there is one attempt at a time
	}()
}

// spawn starts the worker the gate let through.
func (k *keeper) spawn(a *attempt) {
	if k.ctx.Err() != nil {
		k.admitted <- a // it is end's now
		return
	}
	if a.err != nil {
		k.unresolved(a)
		return
	}
	a.cfg.Identity = Identity{Pool: k.slot.cfg.Pool, Slot: k.slot.cfg.Number, Gen: k.slot.nextGen()}
	if a.cfg.Hook == nil {
		a.cfg.Hook = k.slot.cfg.Hook
	}
	a.cfg.Follows = k.slot.follows()
	switch {
	case a.restart != nil:
		a.cfg.Follows = a.restart.reason
	case k.fallen:
		a.cfg.Follows = k.current.Fate()
	}
	// Told by the worker and not by us: the gate must hear that it was ready
	// before the owner hears that it is gone.
	a.cfg.onReady = func() { a.done(nil) }
	a.worker = StartWorker(k.ctx, a.cfg)
	k.slot.show(k.current, a.worker)
}

// unresolved is a start that failed before there was anything to start.
func (k *keeper) unresolved(a *attempt) {
	failure, known := errors.AsType[*rpc.Error](a.err)
	if !known {
		failure = rpc.NewError(rpc.KindPoolUnavailable,
			"a worker of "+k.slot.cfg.Pool+" did not start (stage exec): "+a.err.Error(),
			rpc.Fields{"stage": StageExec, "cause": a.err.Error(), "stderr_tail": []string{}, "hint": unpreparedHint(a.err)})
	}
	// Who looked for the interpreter may have run it and found that it is none:
	// the event says what the error says.
	reason := ReasonStartExec
	var said struct {
		Stage Stage `json:"stage"`
	}
	if json.Unmarshal(failure.Data, &said) == nil && reasonOf(said.Stage) != "" {
		reason = reasonOf(said.Stage)
	}
	e := Exit{Reason: reason, At: time.Now(), Status: WaitStatus{ExitCode: -1, Err: a.err}, Failure: failure}
	if k.slot.cfg.Hook != nil {
		k.slot.cfg.Hook(Exited{Identity: Identity{Pool: k.slot.cfg.Pool, Slot: k.slot.cfg.Number, Gen: k.slot.generation() + 1}, Exit: e})
	}
	k.ended(a, e)
}

// succeeded makes the new worker the one that serves.
func (k *keeper) succeeded() {
	a := k.attempt
	k.attempt = nil
	a.cancel()
	k.slot.apply(slotReady)
	if k.current == nil {
		k.answer(a.restart, nil)
	} else {
		k.old = k.current
		k.grace = newClock(k.slot.graceful())
		k.old.Drain() // the restart is answered when it is gone
	}
	k.current = a.worker
	k.slot.show(k.current, nil)
}

// failed is the end of a worker that was to serve.
func (k *keeper) failed() {
	a := k.attempt
	select {
	case <-a.worker.Ready():
		k.succeeded() // it was ready, and died before we looked: that end comes next
		return
	default:
	}
	k.ended(a, a.worker.Exit())
}

// ended closes an attempt that came to nothing.
func (k *keeper) ended(a *attempt, e Exit) {
	k.attempt = nil
	a.cancel()
	if a.done != nil {
		a.done(&e)
	}
	k.slot.exited(e)
	k.slot.show(k.current, nil)
	if k.current == nil {
		k.slot.apply(k.verdict(e.Reason.Planned()))
	}
	k.answer(a.restart, whyNot(&e))
}

// lost is the end of the worker that served.
func (k *keeper) lost() {
	e := k.current.Exit()
	k.slot.exited(e)
	k.current, k.fallen = nil, false
	var starting *Worker
	if k.attempt != nil {
		starting = k.attempt.worker
	}
	k.slot.show(nil, starting)
	k.slot.apply(k.verdict(e.Reason.Planned() || e.Answered > 0))
}

// verdict is what an end means for the slot.
func (k *keeper) verdict(harmless bool) slotEvent {
	if harmless {
		return slotLost
	}
	if b, ok := k.slot.cfg.Gate.(Breaker); ok && b.Broken() {
		return slotBroke
	}
	return slotFailed
}

// stopOld ends the worker that served before: it is idle, or its time is up.
func (k *keeper) stopOld() {
	k.grace.stop()
	k.grace = clock{}
	reason := ReasonRestart
	if k.active != nil {
		reason = k.active.reason
	}
	k.old.Stop(reason)
}

// buried is the end of the worker that served before.
func (k *keeper) buried() {
	k.grace.stop()
	k.slot.exited(k.old.Exit())
	k.old, k.grace = nil, clock{}
	if k.active != nil && !k.active.hard {
		k.answer(k.active, nil)
	}
}

// answer ends a restart; r may be nil.
func (k *keeper) answer(r *restart, err error) {
	if r == nil || r != k.active {
		return // nobody asked, or it was overtaken and has its answer
	}
	k.active = nil
	r.done(err)
}

// end stops everything and waits until it is gone.
func (k *keeper) end() {
	k.grace.stop()
	workers := []*Worker{k.current, k.old}
	if a := k.attempt; a != nil {
		a.cancel()
		if a.worker == nil {
			a = <-k.admitted
		}
		if a.done != nil {
			defer a.done(&Exit{Reason: ReasonParent, At: time.Now()})
		}
		workers = append(workers, a.worker)
	}
	reason := endingReason(k.ctx)
	for _, w := range workers {
		if w != nil {
			w.Stop(reason)
		}
	}
	hard := k.slot.hard
	for _, w := range workers {
		for alive := w != nil; alive; {
			select {
			case <-w.Done():
				alive = false
				k.slot.exited(w.Exit())
			case <-hard:
				hard = nil // it stays closed: selecting it again would spin
				for _, w := range workers {
					if w != nil {
						w.Kill(k.slot.killedFor())
					}
				}
			}
		}
	}
	for _, r := range append([]*restart{k.active}, k.queue...) {
		r.done(k.slot.ending())
	}
	k.slot.close()
}
