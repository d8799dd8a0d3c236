package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

// shelf is a module whose functions give objects that only a handle stands for.
const shelf = `
import asyncio, gc, os, time, weakref
import mochi_pyd

ALIVE = weakref.WeakSet()

class Box:
    def __init__(self):
        self.log = []
        ALIVE.add(self)
    def pid(self):
        return os.getpid()
    def note(self, item):
        self.log.append(item)
        return item
    async def later(self, item, seconds=0.02):
        await asyncio.sleep(seconds)
        self.log.append(item)
        return item
    def ask(self, name):
        return mochi_pyd.callback(name)()
    async def aask(self, name):
        return await mochi_pyd.callback(name)()
    def nap(self, seconds):
        time.sleep(seconds)
        return seconds

def alive():
    gc.collect()
    return len(ALIVE)

def pid():
    return os.getpid()

def take(box):
    return None

def where(ignored):
    return os.getpid()

def nap(seconds):
    time.sleep(seconds)

def make(seconds=0):
    time.sleep(seconds)
    return Box()
`

const shelfPool = `
[pools.shelf]
workers = %d
graceful-timeout = %q
%s
`

func startShelf(t *testing.T, workers int, graceful, more string) *running {
	t.Helper()
	return start(t, fmt.Sprintf(shelfPool, workers, graceful, more), map[string]string{"shelf": shelf})
}

func makeBox(t *testing.T, c *rpc.Client, opts ...rpc.CallOption) *rpc.Ref {
	t.Helper()
	r, err := c.Ref(t.Context(), "shelf.Box", nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ask[T any](t *testing.T, r *rpc.Ref, name string, params any) (result T) {
	t.Helper()
	if err := r.Call(t.Context(), name, params, &result); err != nil {
		t.Fatalf("%s.%s: %v", r.ID, name, err)
	}
	return result
}

// stale wants -32010 that says something.
func stale(t *testing.T, err error, says string) {
	t.Helper()
	var e *rpc.Error
	if !errors.As(err, &e) || e.Code != -32010 || e.Kind() != rpc.KindStaleRef || !strings.Contains(e.Message, says) {
		t.Errorf("got %v, want stale_ref that says %q", err, says)
	}
}

// handles is how many objects the daemon says a pool holds.
func (r *running) handles(t *testing.T, pool string) int {
	t.Helper()
	return r.pools.named(pool).pool.Stat().Handles
}

// within polls what no event tells of.
func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

func TestAnObjectStaysOnItsWorkerAndIsCalledThere(t *testing.T) {
	d := startShelf(t, 3, "1s", "")
	c := dial(t, d.host)
	homes := map[int]bool{}
	for range 8 {
		var boxes []*rpc.Ref
		var all sync.WaitGroup
		var mu sync.Mutex
		for range 3 {
			all.Go(func() {
				box, err := c.Ref(t.Context(), "shelf.make", list{0.02})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				boxes = append(boxes, box)
			})
		}
		all.Wait()
		for _, box := range boxes {
			home := ask[int](t, box, "pid", nil)
			homes[home] = true
			for range 5 {
				if now := ask[int](t, box, "pid", nil); now != home {
					t.Fatalf("%s was in process %d and is in %d", box.ID, home, now)
				}
			}
		}
	}
	if len(homes) != 3 {
		t.Errorf("boxes were made in %d processes of 3", len(homes))
	}
	if n := d.handles(t, "shelf"); n < 3 || n > 24 { // each worker tells of the first, and of others from time to time
		t.Errorf("the daemon counts %d handles of 24", n)
	}
}

func TestAHandleOfAnotherConnectionIsStale(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	mine, other := dial(t, d.host), dial(t, d.host)
	box := makeBox(t, mine)
	stale(t, other.Bind(box.ID).Call(t.Context(), "pid", nil, nil), "another connection")
	stale(t, other.Bind("p1.w0.g1").Call(t.Context(), "pid", nil, nil), "no handle's id")
	stale(t, other.Bind("p99.w0.g1.1").Call(t.Context(), "pid", nil, nil), "its pool is gone")
	if err := other.Release(t.Context(), other.Bind(box.ID)); err != nil {
		t.Error(err)
	}
	ask[int](t, box, "pid", nil)
	if err := box.Release(t.Context()); err != nil {
		t.Error(err)
	}
	stale(t, box.Call(t.Context(), "pid", nil, nil), "released")
	refused(t, mine, rpc.KindInvalidParams, "meta", "$ref.pid", nil)
}

func TestADisconnectFreesHandlesWithinASecond(t *testing.T) {
	d := startShelf(t, 2, "1s", "")
	watcher := dial(t, d.host)
	leaving, err := rpc.Dial(t.Context(), d.host)
	if err != nil {
		t.Fatal(err)
	}
	kept := makeBox(t, watcher)
	for range 50 {
		makeBox(t, leaving)
	}
	if n := d.handles(t, "shelf"); n == 0 {
		t.Fatal("no handles are counted")
	}
	_ = leaving.Close()
	within(t, time.Second, "only the other connection's handle is left", func() bool {
		live := 0
		for _, w := range d.pools.named("shelf").pool.Stat().Slots {
			live += w.Worker.Handles
		}
		return live == 1
	})
	ask[int](t, kept, "pid", nil)
}

func TestWhatACallMakesAfterItsHostHasGoneIsFreed(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	leaving, err := rpc.Dial(t.Context(), d.host)
	if err != nil {
		t.Fatal(err)
	}
	watcher := dial(t, d.host)
	if err := leaving.Notify(t.Context(), "shelf.make", list{0.2}, rpc.WithMeta(rpc.Meta{Returns: "ref"})); err != nil {
		t.Fatal(err)
	}
	within(t, time.Second, "it runs", func() bool { return d.pools.named("shelf").pool.Stat().Busy == 1 })
	_ = leaving.Close()
	within(t, 2*time.Second, "nothing is alive", func() bool { return call(t, watcher, "shelf.alive", nil) == "0" })
}

func TestAKilledWorkersHandlesAreStaleAndOthersAreNot(t *testing.T) {
	d := startShelf(t, 2, "1s", "")
	c := dial(t, d.host)
	byHome := map[int]*rpc.Ref{}
	within(t, 10*time.Second, "boxes in two processes", func() bool {
		var all sync.WaitGroup
		var mu sync.Mutex
		for range 2 {
			all.Go(func() {
				box, err := c.Ref(t.Context(), "shelf.make", list{0.02})
				if err != nil {
					t.Error(err)
					return
				}
				home := ask[int](t, box, "pid", nil)
				mu.Lock()
				defer mu.Unlock()
				byHome[home] = box
			})
		}
		all.Wait()
		return len(byHome) == 2
	})
	var dead, alive *rpc.Ref
	for home, box := range byHome {
		if dead == nil {
			dead = box
			if err := syscall.Kill(home, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			continue
		}
		alive = box
	}
	within(t, 5*time.Second, "the worker's death is known", func() bool {
		return rpc.AsError(dead.Call(t.Context(), "pid", nil, nil)).Kind() == rpc.KindStaleRef
	})
	stale(t, dead.Call(t.Context(), "pid", nil, nil), "the worker that held "+dead.ID+" is gone")
	ask[int](t, alive, "pid", nil)
	if err := c.Release(t.Context(), dead, alive); err != nil {
		t.Error(err)
	}
}

func TestWaitingCallsOfAHandleWhoseWorkerDiesAreStaleAndDoNotHang(t *testing.T) {
	d := startShelf(t, 2, "1s", "")
	c := dial(t, d.host)
	box := makeBox(t, c)
	home := ask[int](t, box, "pid", nil)
	errs := make(chan error, 5)
	go func() { errs <- box.Call(context.WithoutCancel(t.Context()), "nap", list{30}, nil) }()
	within(t, 5*time.Second, "it naps", func() bool { return d.pools.named("shelf").pool.Stat().Busy == 1 })
	for range 4 {
		go func() { errs <- box.Call(context.WithoutCancel(t.Context()), "pid", nil, nil) }()
	}
	within(t, 5*time.Second, "four wait", func() bool { return d.pools.named("shelf").pool.Stat().Queue == 4 })
	if err := syscall.Kill(home, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	kinds := map[rpc.Kind]int{}
	for range 5 {
		kinds[rpc.AsError(<-errs).Kind()]++
	}
	if kinds[rpc.KindWorkerLost] != 1 || kinds[rpc.KindStaleRef] != 4 {
		t.Errorf("got %v, want the one that ran worker_lost and the others stale_ref", kinds)
	}
}

func TestCallsOnOneHandleAreFirstInFirstOutAcrossBothThreads(t *testing.T) {
	d := startShelf(t, 2, "1s", "")
	c := dial(t, d.host)
	box := makeBox(t, c)
	// One writer, so that the order on the wire is known.
	host := dialRaw(t, d.host)
	id := host.makeBox(t)
	const n = 60
	var want []string
	for i := range n {
		method := "note"
		if i%3 == 0 {
			method = "later"
		}
		host.send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"$ref.%s","params":[%d],"meta":{"ref":%q}}`, i, method, i, id))
		want = append(want, fmt.Sprint(i))
	}
	host.send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":1000,"method":"mochi.release","params":{"refs":[%q]}}`, id))
	got := make([]string, 0, n)
	for range n + 1 {
		a := host.answer(t)
		if a.Error != nil {
			t.Fatalf("%s: %s", a.ID, a.Error.Message)
		}
		got = append(got, string(a.ID))
	}
	if want = append(want, "1000"); !slices.Equal(got, want) {
		t.Errorf("answered in the order %v", got)
	}
	ask[int](t, box, "note", list{1})
}

func TestCallsOnDifferentHandlesDoNotWaitForEachOther(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	c := dial(t, d.host)
	slow, quick := makeBox(t, c), makeBox(t, c)
	ask[int](t, slow, "later", list{1, 0})
	done := make(chan error, 1)
	go func() { done <- slow.Call(context.WithoutCancel(t.Context()), "later", list{2, 1}, nil) }()
	within(t, 5*time.Second, "it sleeps", func() bool { return d.pools.named("shelf").pool.Stat().Busy == 1 })
	began := time.Now()
	ask[int](t, quick, "note", list{1})
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("a call on another handle waited %s", took)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTenThousandHandlesMadeAndReleasedLeaveTheTableEmpty(t *testing.T) {
	d := startShelf(t, 1, "1s", "")
	c := dial(t, d.host)
	pid := callInt(t, c, "shelf.pid")
	rss := func() int { return rssOf(t, pid) }
	round := func() {
		var boxes []*rpc.Ref
		for range 500 {
			boxes = append(boxes, makeBox(t, c))
		}
		if err := c.Release(t.Context(), boxes...); err != nil {
			t.Fatal(err)
		}
	}
	round()
	before := rss()
	for range 20 {
		round()
	}
	if got := call(t, c, "shelf.alive", nil); got != "0" {
		t.Errorf("%s objects are alive", got)
	}
	if n := d.handles(t, "shelf"); n != 0 {
		t.Errorf("%d handles are left", n)
	}
	if grown := rss() - before; grown > 2<<20 {
		t.Errorf("the worker grew by %d KiB", grown>>10)
	}
	if n := len(d.pools.named("shelf").pool.Stat().Slots); n != 1 {
		t.Errorf("%d slots", n)
	}
}
