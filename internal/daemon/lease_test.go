package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestHandlesOfTwoWorkersCannotMeet(t *testing.T) {
	d := startShelf(t, 1, "1s", "[pools.other]\nmodule = \"shelf\"\nworkers = 1\n")
	c := dial(t, d.host)
	box := makeBox(t, c)
	there, err := c.Ref(t.Context(), "other.Box", nil)
	if err != nil {
		t.Fatal(err)
	}
	tagged := rpc.WithMeta(rpc.Meta{Encoding: "tagged", Returns: "none"})
	stale(t, c.Call(t.Context(), "other.take", list{box}, nil, tagged), "another pool")
	stale(t, box.Call(t.Context(), "note", list{there}, nil, tagged), "another worker")
	stale(t, c.Call(t.Context(), "shelf.take", list{object{"$ref": 1}}, nil, tagged), "no handle's id")
}

func TestACallWithAHandleAmongItsArgumentsGoesToThatWorker(t *testing.T) {
	d := startShelf(t, 3, "1s", "")
	c := dial(t, d.host)
	for range 6 {
		box := makeBox(t, c)
		home := ask[int](t, box, "pid", nil)
		// Ignored by the function, so that what decodes it is of no account here.
		params := object{"ignored": box}
		var where int
		if err := c.Call(t.Context(), "shelf.where", params, &where, rpc.WithMeta(rpc.Meta{Encoding: "tagged"})); err != nil {
			t.Fatal(err)
		}
		if where != home {
			t.Errorf("it ran in %d, not in %d, where its handle lives", where, home)
		}
	}
}

func TestALiveHandleHoldsBackARestartUpToTheGracefulTimeout(t *testing.T) {
	d := startShelf(t, 1, "2s", "")
	c := dial(t, d.host)
	box := makeBox(t, c)
	old := ask[int](t, box, "pid", nil)
	restarted := make(chan error, 1)
	go func() {
		restarted <- d.pools.named("shelf").pool.Restart(context.WithoutCancel(t.Context()), -1, false)
	}()
	within(t, 5*time.Second, "the new worker serves", func() bool { return callInt(t, c, "shelf.pid") != old })
	for i := range 20 {
		if now := ask[int](t, box, "pid", nil); now != old {
			t.Fatalf("call %d on the handle was in %d", i, now)
		}
	}
	select {
	case err := <-restarted:
		t.Fatalf("it was replaced under its handle: %v", err)
	default:
	}
	began := time.Now()
	if err := box.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-restarted; err != nil || time.Since(began) > time.Second {
		t.Errorf("the restart ended %s after the release, with %v", time.Since(began), err)
	}

	kept := makeBox(t, c)
	began = time.Now()
	if err := d.pools.named("shelf").pool.Restart(t.Context(), -1, false); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 1500*time.Millisecond || took > 6*time.Second {
		t.Errorf("a restart beside a handle that nobody releases took %s, and its graceful-timeout is 2s", took)
	}
	stale(t, kept.Call(t.Context(), "pid", nil, nil), "gone")
}

func TestMaxRequestsRecyclesAWorkerOnlyWhenItsHandlesAreReleased(t *testing.T) {
	d := startShelf(t, 1, "20s", "max-requests = 5")
	c := dial(t, d.host)
	box := makeBox(t, c)
	old := ask[int](t, box, "pid", nil)
	within(t, 10*time.Second, "a new worker serves", func() bool { return callInt(t, c, "shelf.pid") != old })
	for range 10 {
		if now := ask[int](t, box, "pid", nil); now != old {
			t.Fatalf("the handle's worker was %d and is %d", old, now)
		}
	}
	if err := box.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, 5*time.Second, "the old worker has ended", func() bool { return syscall.Kill(old, 0) != nil })
}

func TestAReleaseGoesBehindTheCallsThatCameBeforeIt(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	host := dialRaw(t, d.host)
	id := host.makeBox(t)
	host.send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"$ref.nap","params":[0.1],"meta":{"ref":%q}}`, id))
	host.send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"$ref.note","params":[7],"meta":{"ref":%q}}`, id))
	host.send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":3,"method":"mochi.release","params":{"refs":[%q,"nonsense"]}}`, id))
	for i, want := range []string{"0.1", "7", `{"released":1}`} {
		if a := host.answer(t); a.Error != nil || string(a.Result) != want {
			t.Errorf("answer %d is %s %v, want %s", i, a.Result, a.Error, want)
		}
	}
}

func TestADeadlineThatWinsLeavesNoHandleBehind(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	c := dial(t, d.host)
	_, err := c.Ref(t.Context(), "shelf.make", list{0.3}, rpc.WithMeta(rpc.Meta{Timeout: 50 * time.Millisecond}))
	if rpc.AsError(err).Kind() != rpc.KindDeadlineExceeded {
		t.Fatalf("got %v", err)
	}
	within(t, 2*time.Second, "nothing is alive", func() bool { return call(t, c, "shelf.alive", nil) == "0" })
}

func TestACancelledCallLetsTheNextOneOnItsHandleGo(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	host := dialRaw(t, d.host)
	id := host.makeBox(t)
	for i, params := range []string{"[1,30]", "[2,30]", "[3,0]"} {
		host.send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"$ref.later","params":%s,"meta":{"ref":%q}}`, i+1, params, id))
	}
	within(t, 5*time.Second, "two wait", func() bool { return d.pools.named("shelf").pool.Stat().Queue == 2 })
	host.send(t, `{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}}`)
	if a := host.answer(t); string(a.ID) != "2" || a.Error.Kind() != rpc.KindRequestCancelled {
		t.Errorf("got %s %v", a.ID, a.Error)
	}
	host.send(t, `{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`)
	if a := host.answer(t); string(a.ID) != "1" || a.Error.Kind() != rpc.KindRequestCancelled {
		t.Errorf("got %s %v", a.ID, a.Error)
	}
	if a := host.answer(t); string(a.ID) != "3" || a.Error != nil {
		t.Errorf("got %s %v", a.ID, a.Error)
	}
}

func TestAnElasticWorkerWithHandlesOutlastsItsIdleTimeout(t *testing.T) {
	d := startShelf(t, 1, "2s", "max-workers = 2\nidle-timeout = \"300ms\"")
	c := dial(t, d.host)
	home := callInt(t, c, "shelf.pid")
	var second *rpc.Ref
	within(t, 20*time.Second, "a box in a second worker", func() bool {
		var all sync.WaitGroup
		var mu sync.Mutex
		for range 2 {
			all.Go(func() {
				box, err := c.Ref(t.Context(), "shelf.make", list{0.2})
				if err != nil {
					t.Error(err)
					return
				}
				if ask[int](t, box, "pid", nil) != home {
					mu.Lock()
					second = box
					mu.Unlock()
				}
			})
		}
		all.Wait()
		return second != nil
	})
	gone := time.Now()
	within(t, 10*time.Second, "it shrinks after all", func() bool { return d.pools.named("shelf").pool.Stat().Desired == 1 })
	if lasted := time.Since(gone); lasted < 1500*time.Millisecond {
		t.Errorf("an elastic worker with a live handle ended after %s", lasted)
	}
}

func TestACallbackThatWouldWaitForItsOwnHandleIsRefused(t *testing.T) {
	d := startShelf(t, 2, "1s", "max-workers = 3")
	c := dial(t, d.host)
	box, other := makeBox(t, c), (*rpc.Ref)(nil)
	home := ask[int](t, box, "pid", nil)
	within(t, 5*time.Second, "a second box on the same worker", func() bool {
		other = makeBox(t, c)
		return ask[int](t, other, "pid", nil) == home
	})
	ask[int](t, box, "later", list{1}) // the pool knows of the loop now
	tagged := rpc.WithMeta(rpc.Meta{Encoding: "tagged"})
	for name, inner := range map[string]func(context.Context) error{
		"itself":   func(ctx context.Context) error { return box.Call(ctx, "note", list{1}, nil) },
		"other":    func(ctx context.Context) error { return other.Call(ctx, "note", list{1}, nil) },
		"argument": func(ctx context.Context) error { return c.Call(ctx, "shelf.where", list{other}, nil, tagged) },
		"release":  func(ctx context.Context) error { return c.Release(ctx, box) },
	} {
		c.OnCallback(name, func(ctx context.Context, _, _ json.RawMessage) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			return nil, inner(ctx)
		})
	}
	for _, name := range []string{"itself", "other", "argument", "release"} {
		err := box.Call(t.Context(), "ask", list{name}, nil)
		if err == nil || !strings.Contains(err.Error(), "would wait for ever") {
			t.Errorf("the main thread waits, and %s is answered %v", name, err)
		}
		err = box.Call(t.Context(), "aask", list{name}, nil)
		refused := err != nil && strings.Contains(err.Error(), "would wait for ever")
		if want := name == "itself" || name == "release"; refused != want || !want && err != nil {
			t.Errorf("a coroutine waits, and %s is answered %v", name, err)
		}
	}
}

func TestWhatANotificationMakesIsFreed(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	c := dial(t, d.host)
	for range 3 {
		if err := c.Notify(t.Context(), "shelf.make", nil, rpc.WithMeta(rpc.Meta{Returns: "ref"})); err != nil {
			t.Fatal(err)
		}
	}
	within(t, 5*time.Second, "they have run", func() bool { return d.pools.named("shelf").pool.Stat().Calls >= 3 })
	within(t, 2*time.Second, "nothing is alive", func() bool { return call(t, c, "shelf.alive", nil) == "0" })
}

func TestHandlesByMochiAttrEndWithTheirConnection(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	leaving := dial(t, d.host)
	if _, err := leaving.Ref(t.Context(), "mochi.attr", list{"shelf", "pid", list{}}); err != nil {
		t.Fatal(err)
	}
	if n := d.handles(t, "shelf"); n != 1 {
		t.Fatalf("%d handles", n)
	}
	_ = leaving.Close()
	within(t, 2*time.Second, "none is left", func() bool { return d.handles(t, "shelf") == 0 })
}

func TestTheRuntimesOwnMethodsAreNoFunctionsOfAModule(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	mine, other := dial(t, d.host), dial(t, d.host)
	box := makeBox(t, mine)
	call(t, other, "mochi.import", object{"module": "shelf", "as": "s"})
	for conn := range uint64(8) {
		refused(t, other, rpc.KindMethodNotFound, "runtime's own", "shelf.mochi.release", object{"refs": list{box.ID}, "conn": conn})
		refused(t, other, rpc.KindMethodNotFound, "runtime's own", "s.mochi.disconnected", object{"conn": conn})
		refused(t, other, rpc.KindMethodNotFound, "runtime's own", "mochi.attr", list{"shelf", "mochi.disconnected", list{conn}, true})
	}
	ask[int](t, box, "pid", nil)
}
