package pool

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

func waitingCall(name string) *rpc.Call { return rpc.NewCall(name, nil, nil) }

func names(calls []*rpc.Call) (out []string) {
	for _, c := range calls {
		out = append(out, c.Method)
	}
	return out
}

func wantOrder(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestQueueServesConnectionsInTurnAndEachInOrder(t *testing.T) {
	q := newQueue()
	for i := range 3 {
		q.push(1, waitingCall(fmt.Sprintf("a%d", i)))
	}
	q.push(2, waitingCall("b0"))
	q.push(3, waitingCall("c0"))
	q.push(3, waitingCall("c1"))
	wantOrder(t, names(q.takeAll()), "a0", "b0", "c0", "a1", "c1", "a2")
	if q.size != 0 || len(q.lines) != 0 || len(q.ring) != 0 {
		t.Errorf("an empty queue remembers %d lines, %d in the ring", len(q.lines), len(q.ring))
	}
}

func TestACallGivenBackIsServedNext(t *testing.T) {
	q := newQueue()
	q.push(1, waitingCall("a0"))
	q.push(2, waitingCall("b0"))
	q.push(2, waitingCall("b1"))
	lost := q.pop() // a0
	q.pushFront(1, lost)
	wantOrder(t, names(q.takeAll()), "a0", "b0", "b1")
}

func TestCallsGivenBackKeepTheirOrder(t *testing.T) {
	q := newQueue()
	for i := range 4 {
		q.push(1, waitingCall(fmt.Sprint(i)))
	}
	first, second := q.pop(), q.pop()
	q.pushFront(1, second) // newest first, as WorkerGone does it
	q.pushFront(1, first)
	wantOrder(t, names(q.takeAll()), "0", "1", "2", "3")
}

func TestARemovedCallIsNeverServed(t *testing.T) {
	q := newQueue()
	unwanted := waitingCall("unwanted")
	q.push(1, waitingCall("a"))
	q.push(1, unwanted)
	q.push(1, waitingCall("c"))
	if !q.remove(1, unwanted) || q.remove(1, unwanted) || q.remove(2, unwanted) {
		t.Error("remove must find the call once, on its own connection")
	}
	wantOrder(t, names(q.takeAll()), "a", "c")
}

func TestAFullQueueTakesRoomFromTheGreediestWhereverItWaits(t *testing.T) {
	p := idlePool(t, Config{Workers: 1})
	for i := range 3 {
		p.waiting[needMain].push(1, waitingCall(fmt.Sprintf("greedy main %d", i)))
		p.waiting[needLoop].push(1, waitingCall(fmt.Sprintf("greedy loop %d", i)))
	}
	p.waiting[needLoop].push(1, waitingCall("greedy loop 3"))
	for range 5 {
		p.waiting[needMain].push(2, waitingCall("modest"))
	}
	if v := p.evictFor(3); v == nil || v.Method != "greedy loop 3" {
		t.Errorf("evicted %v, want the greedy connection's newest of its longest line", v)
	}
	if v := p.evictFor(1); v != nil {
		t.Errorf("evicted %s for the greediest connection itself", v.Method)
	}
	if n := p.waitingCalls(); n != 11 {
		t.Errorf("%d calls wait, want 11", n)
	}
}

func TestQueueAgainstAModel(t *testing.T) {
	// Random pushes, pops and removals: what comes out is what went in, each
	// connection's calls in order.
	r := rand.New(rand.NewPCG(1, 2))
	q := newQueue()
	model := map[uint64][]*rpc.Call{}
	size := 0
	for range 20_000 {
		conn := r.Uint64N(7)
		switch r.IntN(5) {
		case 0, 1:
			c := waitingCall(fmt.Sprint(conn))
			q.push(conn, c)
			model[conn] = append(model[conn], c)
			size++
		case 2, 3:
			if q.peek() == nil {
				continue
			}
			c := q.pop()
			var owner uint64
			if _, err := fmt.Sscan(c.Method, &owner); err != nil {
				t.Fatal(err)
			}
			if model[owner][0] != c {
				t.Fatalf("connection %d was served out of order", owner)
			}
			model[owner] = model[owner][1:]
			size--
		case 4:
			if n := len(model[conn]); n > 0 {
				i := r.IntN(n)
				if !q.remove(conn, model[conn][i]) {
					t.Fatal("a waiting call was not found")
				}
				model[conn] = append(model[conn][:i:i], model[conn][i+1:]...)
				size--
			}
		}
		if q.size != size {
			t.Fatalf("size %d, want %d", q.size, size)
		}
	}
}
