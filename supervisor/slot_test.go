package supervisor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// openGate lets everyone in and remembers what it was told.
type openGate struct {
	mu      sync.Mutex
	entered int
	ends    []*Exit
	closed  chan struct{} // when not nil, nobody enters before it is closed
}

func (g *openGate) Enter(ctx context.Context, _ int) (func(*Exit), error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed != nil {
		select {
		case <-closed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entered++
	return func(e *Exit) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ends = append(g.ends, e)
	}, nil
}

// told is how many starts went in and how many of them came to an end, well or
// not.
func (g *openGate) told() (entered, ready, failed int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.ends {
		if e == nil {
			ready++
		} else {
			failed++
		}
	}
	return g.entered, ready, failed
}

// crowd is the Owner of many workers, one after the other.
type crowd struct {
	mu    sync.Mutex
	ready []*Worker
	exits []Exit
	news  chan struct{}
}

func (o *crowd) WorkerReady(w *Worker, _ ReadyInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ready = append(o.ready, w)
	o.tell()
}

func (o *crowd) tell() {
	select {
	case o.news <- struct{}{}:
	default:
	}
}

func (o *crowd) CallMoved(*Worker, *rpc.Call, string, Kind) {}

func (o *crowd) CallVoid(*Worker, *rpc.Call) {}

func (o *crowd) SeatFree(*Worker, Lane) {}

func (o *crowd) CallDone(_ *Worker, c *rpc.Call, a Answer) {
	if a.Err != nil {
		c.Fail(a.Err)
		return
	}
	c.Reply(a.Result)
}

func (o *crowd) WorkerFell(_ *Worker, c []*rpc.Call) []*rpc.Call { return c }

func (o *crowd) WorkerGone(w *Worker, e Exit, left []Orphan) (lost, requeued int) {
	for _, l := range left {
		l.Call.Fail(e.LostError(l, w.ID()))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.exits = append(o.exits, e)
	o.tell()
	return len(left), 0
}

// slotRig is a slot that runs mini workers.
type slotRig struct {
	slot   *Slot
	gate   *openGate
	owner  *crowd
	module atomic.Pointer[string]
	end    func()
}

func newSlotRig(t *testing.T, gate *openGate) *slotRig {
	t.Helper()
	return newSlotRigOf(t, gate, func(*WorkerConfig) {})
}

// newSlotRigOf is newSlotRig with workers that change makes.
func newSlotRigOf(t *testing.T, gate *openGate, change func(*WorkerConfig)) *slotRig {
	t.Helper()
	r := &slotRig{gate: gate, owner: &crowd{news: make(chan struct{}, 1)}}
	r.set("mini")
	r.slot = NewSlot(SlotConfig{
		Pool: "mini", Number: 3, Gate: gate, GracefulTimeout: patience,
		Next: func(_ context.Context, _ int) (WorkerConfig, error) {
			module := *r.module.Load()
			if module == "" {
				return WorkerConfig{}, errors.New("no interpreter")
			}
			cfg := miniConfig(t, module, r.owner)
			change(&cfg)
			return cfg, nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.slot.Run(ctx) }()
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := await(t, done, "the slot to end"); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.end)
	return r
}

func (r *slotRig) set(module string) { r.module.Store(&module) }

// until waits for news until ok.
func (r *slotRig) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventually(t, what, patience, ok)
}

// serving waits for a ready worker of that generation.
func (r *slotRig) serving(t *testing.T, gen int) *Worker {
	t.Helper()
	r.until(t, "a worker of the generation serves", func() bool {
		w := r.slot.Current()
		return w != nil && w.ID().Gen == gen && w.State() == Ready
	})
	return r.slot.Current()
}

func TestSlotIsRefilledAfterADeath(t *testing.T) {
	r := newSlotRig(t, &openGate{})
	w := r.serving(t, 1)
	if st := r.slot.Stat(); st.State != SlotUp || st.Worker == nil || st.Worker.PID == 0 || st.Slot != 3 {
		t.Errorf("stat: %+v", st)
	}
	ask1(t, w, "echo", []any{1})
	await(t, send(t, w, LaneMain, "exit", []any{4}), "the deadly call")
	r.serving(t, 2)
	if st := r.slot.Stat(); st.Restarts != 1 || st.LastExit == nil || st.LastExit.Reason != ReasonExit || st.LastExit.Status.ExitCode != 4 {
		t.Errorf("stat: %+v", st)
	}
	r.end()
	if st := r.slot.Stat(); st.State != SlotDown || st.Worker != nil || st.Wanted || st.LastExit.Reason != ReasonParent {
		t.Errorf("after the end: %+v", st)
	}
	if entered, ready, failed := r.gate.told(); entered != 2 || ready != 2 || failed != 0 {
		t.Errorf("the gate heard of %d starts, %d ready, %d failed", entered, ready, failed)
	}
	if err := await(t, r.slot.Restart(ReasonRestart, false), "an answer"); err == nil {
		t.Error("a restart of an ended slot went well")
	}
}

func TestSoftRestartLosesNoCall(t *testing.T) {
	r := newSlotRig(t, &openGate{})
	w := r.serving(t, 1)
	slow := send(t, w, LaneMain, "sleep", []any{0.5})
	restarted := r.slot.Restart(ReasonRestart, false)
	next := r.serving(t, 2)
	if a := ask1(t, next, "echo", []any{"new"}); a.err != nil {
		t.Error(a.err)
	}
	if a := await(t, slow, "the slow call"); a.err != nil {
		t.Error(a.err)
	}
	if err := await(t, restarted, "the restart"); err != nil {
		t.Error(err)
	}
	await(t, w.Done(), "the old one")
	if e := w.Exit(); e.Reason != ReasonRestart || e.Status.ExitCode != 0 {
		t.Errorf("exit: %+v", e)
	}
}

// TestSuccessorsDeathIsNotTheRestarts: while the old worker finishes its calls
// the new one may die, and be replaced: the restart is over when the old one is
// gone, and it is the restart the old one goes for.
func TestSuccessorsDeathIsNotTheRestarts(t *testing.T) {
	r := newSlotRig(t, &openGate{})
	w := r.serving(t, 1)
	slow := send(t, w, LaneMain, "sleep", []any{2})
	restarted := r.slot.Restart(ReasonReload, false)
	r.serving(t, 2).Kill(ReasonOperator)
	r.serving(t, 3)
	select {
	case err := <-restarted:
		t.Errorf("the restart was answered %v while the old worker lived", err)
	default:
	}
	if a := await(t, slow, "the slow call"); a.err != nil {
		t.Error(a.err)
	}
	await(t, w.Done(), "the old one")
	if e := w.Exit(); e.Reason != ReasonReload {
		t.Errorf("the old one went for %q, want %q", e.Reason, ReasonReload)
	}
	if len(restarted) == 0 {
		if err := await(t, restarted, "the restart"); err != nil {
			t.Error(err)
		}
	}
}

func TestBrokenSuccessorLeavesTheOldOneServing(t *testing.T) {
	r := newSlotRig(t, &openGate{})
	w := r.serving(t, 1)
	for module, kind := range map[string]rpc.Kind{"broken": rpc.KindImportFailed, "die": rpc.KindPoolUnavailable, "": rpc.KindPoolUnavailable} {
		r.set(module)
		err := await(t, r.slot.Restart(ReasonReload, false), "the restart")
		e, ok := errors.AsType[*rpc.Error](err)
		if !ok || e.Kind() != kind {
			t.Errorf("%s: %v", module, err)
		}
		if r.slot.Current() != w || w.State() != Ready || r.slot.Stat().State != SlotUp {
			t.Fatalf("%s: the old one does not serve", module)
		}
	}
	if a := ask1(t, w, "echo", []any{1}); a.err != nil {
		t.Error(a.err)
	}
	r.set("mini")
	if err := await(t, r.slot.Restart(ReasonReload, false), "the restart"); err != nil {
		t.Error(err)
	}
	r.serving(t, 4)
}

// TestAStartThatIsRefusedBeforeItBeginsHasOneStage: whoever looks for the
// interpreter says at which stage the start failed, and the slot's exit says
// the same; of an error that names none the stage is exec.
func TestAStartThatIsRefusedBeforeItBeginsHasOneStage(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason Reason
		stage  Stage
	}{
		{rpc.NewError(rpc.KindPoolUnavailable, "too old", rpc.Fields{"stage": "interpreter"}), ReasonStartInterp, StageInterpreter},
		{rpc.NewError(rpc.KindPoolUnavailable, "not there", rpc.Fields{"stage": "exec"}), ReasonStartExec, StageExec},
		{fmt.Errorf("store the script: %w", syscall.ENOSPC), ReasonStartExec, StageExec},
	} {
		r := &slotRig{gate: &openGate{}}
		ends := make(chan Exit, 64)
		r.slot = NewSlot(SlotConfig{
			Pool: "mini", Gate: r.gate,
			Next: func(context.Context, int) (WorkerConfig, error) { return WorkerConfig{}, c.err },
			Hook: func(e Event) {
				if x, ok := e.(Exited); ok {
					select {
					case ends <- x.Exit:
					default:
					}
				}
			},
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.slot.Run(ctx) }()
		e := await(t, ends, "the failed start")
		cancel()
		await(t, done, "the slot's end")
		if said := dataOf(t, e.Failure)["stage"]; e.Reason != c.reason || said != string(c.stage) {
			t.Errorf("%v: the event says %s and the error %v, want %s and %s", c.err, e.Reason, said, c.reason, c.stage)
		}
	}
}

func TestHardRestartOvertakesASoftOne(t *testing.T) {
	r := newSlotRig(t, &openGate{})
	w := r.serving(t, 1)
	r.set("hang")
	soft := r.slot.Restart(ReasonRestart, false)
	r.until(t, "the successor is starting", func() bool { return r.slot.generation() == 2 })
	r.set("mini")
	hard := r.slot.Restart(ReasonOperator, true)
	if err := await(t, soft, "the soft one"); err == nil {
		t.Error("the soft restart that was overtaken says it went well")
	}
	if err := await(t, hard, "the hard one"); err != nil {
		t.Error(err)
	}
	await(t, w.Done(), "the old one")
	if e := w.Exit(); e.Reason != ReasonOperator {
		t.Errorf("exit: %+v", e)
	}
	r.serving(t, 3)
}

func TestSlotWaitsAtTheGate(t *testing.T) {
	gate := &openGate{}
	r := newSlotRig(t, gate)
	w := r.serving(t, 1)
	closed := make(chan struct{})
	gate.mu.Lock()
	gate.closed = closed
	gate.mu.Unlock()
	w.Kill(ReasonOperator)
	await(t, w.Done(), "its death")
	r.until(t, "the slot is down", func() bool { return r.slot.Stat().State == SlotDown })
	soft, again := r.slot.Restart(ReasonRestart, false), r.slot.Restart(ReasonRestart, false)
	if r.slot.Current() != nil {
		t.Error("somebody serves")
	}
	close(closed)
	// The first rides on the start that waits; the second is a start of its own.
	for _, c := range []<-chan error{soft, again} {
		if err := await(t, c, "the restart"); err != nil {
			t.Error(err)
		}
	}
	r.serving(t, 3)
}

func TestSlotEndsWhileItWaitsAtTheGate(t *testing.T) {
	gate := &openGate{closed: make(chan struct{})}
	r := newSlotRig(t, gate)
	restarted := r.slot.Restart(ReasonRestart, true)
	r.end()
	if err := await(t, restarted, "the restart"); err == nil {
		t.Error("a restart of nothing went well")
	}
}

func TestFailingStartsShowInTheSlot(t *testing.T) {
	r := newSlotRig(t, &openGate{closed: make(chan struct{})})
	r.set("die")
	close(r.gate.closed)
	r.until(t, "the slot backs off", func() bool { return r.slot.Stat().State == SlotBackoff })
	if e := r.slot.Stat().LastExit; e.Reason != ReasonStartImport || e.Failure.Kind() != rpc.KindPoolUnavailable {
		t.Errorf("%+v", e)
	}
	r.set("mini")
	r.until(t, "it heals by itself", func() bool { return r.slot.Stat().State == SlotUp })
}

// TestKilledSlotEndsAtOnce: also when it is stopping politely already and its
// worker takes no notice.
func TestKilledSlotEndsAtOnce(t *testing.T) {
	for _, stopping := range []bool{false, true} {
		r := newSlotRig(t, &openGate{})
		w := r.serving(t, 1)
		ask1(t, w, "ignore_term", nil)
		send(t, w, LaneMain, "gil", nil)
		r.until(t, "the call runs", func() bool { return len(w.Stat().Running) == 1 })
		began := time.Now()
		if stopping {
			go r.end()
			r.until(t, "it is stopping", func() bool { return w.State() == Stopping })
		}
		r.slot.Kill(ReasonParent)
		await(t, w.Done(), "the worker's end")
		if e := w.Exit(); e.Reason != ReasonParent || e.Status.Signal != syscall.SIGKILL {
			t.Errorf("stopping %t: %+v", stopping, e)
		}
		r.end()
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping %t: it took %s", stopping, took)
		}
	}
}
