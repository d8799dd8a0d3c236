package supervisor

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// beast is a worker that misbehaves and the whole of what is said about it: the
// events of its life, in their order. Its log lines are other tests' business.
type beast struct {
	name   string
	module string // how mini_worker.py starts; "" for one that starts well
	path   string // another program than Python
	limit  time.Duration
	tease  func(t *testing.T, w *Worker) // what is done to it once it is ready
	life   []string
}

// impatience is the start-timeout of those that never start. A Python that
// takes longer to begin would be told as another stage's failure.
const impatience = time.Second

// born is how the life of a worker begins that starts well.
func born(rest ...string) []string {
	return append([]string{"spawned", "starting>ready", "ready"}, rest...)
}

// stillborn is the life of one that does not: it dies by itself.
func stillborn(reason Reason) []string {
	return []string{"spawned", "starting>dead", exited(reason, "0", "0")}
}

// putDown is the life of one that is killed because it does not start.
func putDown(reason Reason) []string {
	return []string{"spawned", "starting>stopping", "stopping>dead", exited(reason, "0", "0")}
}

// died is the life of a ready worker that ended by itself, and killed that of
// one that we ended.
func died(reason Reason, lost, requeued string) []string {
	return born("ready>dead", exited(reason, lost, requeued))
}

func killed(reason Reason, lost, requeued string) []string {
	return born("ready>stopping", "stopping>dead", exited(reason, lost, requeued))
}

func exited(reason Reason, lost, requeued string) string {
	return "exited " + string(reason) + " lost=" + lost + " requeued=" + requeued
}

// does is a call after another one, with one more behind it that the first
// keeps from starting.
func does(method string, params ...any) func(*testing.T, *Worker) {
	return func(t *testing.T, w *Worker) {
		first := send(t, w, LaneMain, "sleep", []any{0.05})
		send(t, w, LaneMain, method, params)
		send(t, w, LaneMain, "echo", nil)
		if a := await(t, first, "the call before"); a.err != nil {
			t.Errorf("the call before was answered %v", a.err)
		}
	}
}

// says is a call that breaks the wire's rules, alone.
func says(text string) func(*testing.T, *Worker) {
	return func(t *testing.T, w *Worker) { send(t, w, LaneMain, "raw", []any{text + "\n"}) }
}

// leaves is a call that leaves a process behind, and then the worker's end.
func leaves(method string) func(*testing.T, *Worker) {
	return func(t *testing.T, w *Worker) {
		if a := ask1(t, w, method, []any{600}); a.err != nil {
			t.Errorf("%s was answered %v", method, a.err)
		}
		send(t, w, LaneMain, "exit", []any{3})
	}
}

// signalled is a signal that somebody sends it in the middle of a call.
func signalled(sig syscall.Signal) func(*testing.T, *Worker) {
	return func(t *testing.T, w *Worker) {
		c, _ := sendCall(t, w, LaneMain, "sleep", []any{60})
		send(t, w, LaneMain, "echo", nil)
		awaitStarted(t, w, c)
		if err := syscall.Kill(w.ID().PID, sig); err != nil {
			t.Error(err)
		}
	}
}

// interrupted is a call that does not end when it is asked to.
func interrupted(method string, reason Reason, before ...syscall.Signal) func(*testing.T, *Worker) {
	return func(t *testing.T, w *Worker) {
		c, _ := sendCall(t, w, LaneMain, method, []any{60})
		send(t, w, LaneMain, "echo", nil)
		awaitStarted(t, w, c)
		for _, sig := range before {
			if err := syscall.Kill(w.ID().PID, sig); err != nil {
				t.Error(err)
			}
		}
		interrupt(t, w, c, reason, 50*time.Millisecond)
	}
}

// zoo is all of them. None of these lives is an accident: a row that changes is
// a change of what operators see.
var zoo = []beast{
	{name: "no interpreter", path: "/nonexistent/python3", life: []string{"starting>dead", exited(ReasonStartExec, "0", "0")}},
	{name: "no Python", path: "/bin/true", life: stillborn(ReasonStartInterp)},
	{name: "exits before its import", module: "bye", life: stillborn(ReasonStartInterp)},
	{name: "exits in its import", module: "die", life: stillborn(ReasonStartImport)},
	{name: "says that it does not import", module: "broken", life: putDown(ReasonStartImport)},
	{name: "never begins", module: "silent", limit: impatience, life: putDown(ReasonStartInterp)},
	{name: "imports for ever", module: "hang", limit: impatience, life: putDown(ReasonStartImport)},
	{name: "imported and mute", module: "mute", limit: impatience, life: putDown(ReasonStartReady)},
	{name: "speaks another version", module: "future", life: putDown(ReasonStartProtocol)},
	{name: "speaks no JSON at first", module: "garbage", life: putDown(ReasonStartProtocol)},

	{name: "exits in a call", tease: does("exit", 3), life: died(ReasonExit, "1", "1")},
	{name: "exits in a call as if well", tease: does("exit", 0), life: died(ReasonExit, "1", "1")},
	{name: "segmentation fault", tease: does("segv"), life: died(ReasonSignal, "1", "1")},
	{name: "abort", tease: does("abort"), life: died(ReasonSignal, "1", "1")},
	{name: "killed from outside", tease: signalled(syscall.SIGKILL), life: died(ReasonSignal, "1", "1")},
	{name: "terminated from outside", tease: signalled(syscall.SIGTERM), life: died(ReasonSignal, "1", "1")},
	{name: "half a reply and death", tease: does("half"), life: died(ReasonExit, "1", "1")},
	{name: "a reply without newline and death", tease: does("whole"), life: died(ReasonExit, "0", "1")},

	{name: "leaves a child", tease: leaves("fork"), life: died(ReasonExit, "1", "0")},
	{name: "leaves a daemon in a session of its own", tease: leaves("daemonize"), life: died(ReasonExit, "1", "0")},

	{name: "closes its reply pipe", tease: does("close_out"), life: killed(ReasonProtocol, "1", "1")},
	{name: "closes all descriptors", tease: does("close_all"), life: killed(ReasonProtocol, "1", "1")},
	{name: "garbage", tease: says("Traceback, or whatever"), life: killed(ReasonProtocol, "1", "0")},
	{name: "an id never issued", tease: says(`{"jsonrpc":"2.0","id":987654,"result":1}`), life: killed(ReasonProtocol, "1", "0")},
	{name: "a request of its own", tease: says(`{"jsonrpc":"2.0","id":1,"method":"x"}`), life: killed(ReasonProtocol, "1", "0")},
	{name: "ready twice", tease: says(`{"jsonrpc":"2.0","method":"mochi.ready","params":{"protocol":1}}`), life: killed(ReasonProtocol, "1", "0")},
	{name: "failed when it was ready", tease: says(`{"jsonrpc":"2.0","method":"mochi.failed","params":{}}`), life: killed(ReasonProtocol, "1", "0")},
	{name: "two replies", tease: func(t *testing.T, w *Worker) { send(t, w, LaneMain, "twice", nil) }, life: killed(ReasonProtocol, "0", "0")},
	{name: "an over-long line", tease: func(t *testing.T, w *Worker) { send(t, w, LaneMain, "large", []any{3 << 20}) }, life: killed(ReasonProtocol, "1", "0")},

	{name: "gives back what nobody asked for", tease: func(t *testing.T, w *Worker) { send(t, w, LaneMain, "give_back", nil) }, life: killed(ReasonProtocol, "1", "0")},
	{name: "runs what was struck out", module: "heedless", tease: func(t *testing.T, w *Worker) {
		before, held := sendCall(t, w, LaneMain, "in_c_for", []any{100_000_000})
		awaitStarted(t, w, before)
		c, void := sendCall(t, w, LaneMain, "echo", nil)
		interrupt(t, w, c, ReasonDeadline, 20*time.Millisecond)
		wantCancelled(t, await(t, void, "the call that is struck out"), false)
		await(t, held, "the call before")
	}, life: killed(ReasonProtocol, "0", "0")},

	{name: "stuck in C at its deadline", tease: interrupted("in_c", ReasonDeadline), life: killed(ReasonDeadline, "1", "1")},
	{name: "stuck in C and cancelled", tease: interrupted("in_c", ReasonCancel), life: killed(ReasonCancel, "1", "1")},
	{name: "cleans up for ever", tease: func(t *testing.T, w *Worker) {
		c, cancelled := sendCall(t, w, LaneMain, "stubborn", nil)
		behind := send(t, w, LaneMain, "echo", nil)
		awaitStarted(t, w, c)
		interrupt(t, w, c, ReasonCancel, time.Second) // the second shot ends its finally:
		wantCancelled(t, await(t, cancelled, "the cancelled call"), true)
		await(t, behind, "the call behind")
		w.Stop(ReasonScale)
	}, life: killed(ReasonScale, "0", "0")},
	{name: "stopped at its deadline", tease: interrupted("sleep", ReasonDeadline, syscall.SIGSTOP), life: killed(ReasonDeadline, "1", "1")},
	{name: "without signal handlers", module: "deaf", tease: interrupted("sleep", ReasonCancel), life: killed(ReasonCancel, "1", "1")},

	{name: "ignores SIGTERM", module: "stay", tease: func(t *testing.T, w *Worker) {
		ask1(t, w, "ignore_term", nil)
		w.Stop(ReasonRestart)
	}, life: killed(ReasonRestart, "0", "0")},
	{name: "drained with a call in hand", tease: func(t *testing.T, w *Worker) {
		slow := send(t, w, LaneMain, "sleep", []any{0.05})
		w.Drain()
		await(t, slow, "the call in hand")
		await(t, w.Idle(), "its being idle")
		w.Stop(ReasonScale)
	}, life: born("ready>draining", "draining>stopping", "stopping>dead", exited(ReasonScale, "0", "0"))},
	{name: "killed by an operator", tease: func(t *testing.T, w *Worker) {
		c, _ := sendCall(t, w, LaneMain, "sleep", []any{60})
		awaitStarted(t, w, c)
		w.Kill(ReasonOperator)
	}, life: killed(ReasonOperator, "1", "0")},
}

// TestEveryMisbehaviourHasOneExactLife walks the zoo: whatever a worker does,
// its events come in one order, its end comes last and once, and every call is
// answered.
func TestEveryMisbehaviourHasOneExactLife(t *testing.T) {
	for _, b := range zoo {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			o := newWitness()
			module := b.module
			if module == "" {
				module = "mini"
			}
			cfg := miniConfig(t, module, o)
			cfg.MaxMessage, cfg.StopTimeout, cfg.Hook = 1<<20, 50*time.Millisecond, o.hook
			if b.path != "" {
				cfg.Command.Path = b.path
			}
			if b.limit > 0 {
				cfg.StartTimeout = b.limit
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			w := StartWorker(ctx, cfg)
			defer w.Kill(ReasonParent)
			if b.tease != nil {
				awaitReady(t, w)
				b.tease(t, w)
			}
			await(t, w.Done(), "the end")
			if d := cmp.Diff(b.life, o.life()); d != "" {
				t.Errorf("its life is not the one in the table (-want +got):\n%s", d)
			}
		})
	}
}
