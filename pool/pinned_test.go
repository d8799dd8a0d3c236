package pool

import (
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestACallGivenUpOnItsWayHoldsUpNobodyOnItsHandle(t *testing.T) {
	p := idlePool(t, Config{Workers: 1})
	m := &member{}
	held := func() (*rpc.Call, <-chan answer) {
		c, answers := asked("$ref.f")
		c.Holder, c.Meta.Ref = &rpc.RefPlace{}, "p0.w0.g0.1"
		return c, answers
	}
	first, _ := held()
	second, _ := held()
	l := &lease{key: keyOf(first), member: m, queue: newQueue(), out: first}
	l.queue.push(origin(second), second)
	p.leases[l.key] = l

	first.Cancel(rpc.NewError(rpc.KindRequestCancelled, "on its way", nil))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.requeue(first) == nil {
		t.Fatal("a cancelled call waits again")
	}
	if l.out != nil || !l.ripe || len(m.ripe) != 1 {
		t.Error("the next call on its handle is never sent")
	}
}
