package daemon

import (
	"errors"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

// TestTheHandlesOfAllPoolsAreBoundedTogether: two hosts, two pools and one bound,
// which a reload moves. Who needs no handle is served all the same.
func TestTheHandlesOfAllPoolsAreBoundedTogether(t *testing.T) {
	const pools = "[pools.shelf]\n[pools.other]\nmodule = \"shelf\"\n"
	r := startFile(t, "[daemon]\nmax-handles = 2\n"+pools, map[string]string{"shelf": shelf})
	one, two := dial(t, r.host), dial(t, r.host)
	held := makeBox(t, one) // a pool's first is told at once, and so is its last
	_, err := two.Ref(t.Context(), "other.Box", nil)
	if err != nil {
		t.Fatal(err)
	}
	overBound := func(method string, opts ...rpc.CallOption) {
		t.Helper()
		var e *rpc.Error
		err := one.Call(t.Context(), method, nil, nil, opts...)
		if !errors.As(err, &e) || e.Kind() != rpc.KindOverloaded || !strings.Contains(e.Message, "[daemon] max-handles") || !strings.Contains(string(e.Data), `"limit":2`) {
			t.Errorf("one more gave %v, want overloaded that names [daemon] max-handles and its 2", err)
		}
	}
	overBound("shelf.Box", rpc.WithMeta(rpc.Meta{Returns: "ref"}))
	overBound("other.Box", rpc.WithMeta(rpc.Meta{Encoding: "tagged"}))
	if n := callInt(t, two, "shelf.alive"); n != 1 {
		t.Errorf("%d boxes are there, want 1", n)
	}
	if got := ask[int](t, held, "note", list{5}); got != 5 {
		t.Errorf("a call on a handle gave %d", got)
	}
	if err := two.Call(t.Context(), "shelf.pid", nil, nil, rpc.WithMeta(rpc.Meta{Encoding: "tagged"})); err != nil {
		t.Errorf("a tagged result that needs no handle: %v", err)
	}

	before := r.pids(t, "shelf")
	r.say(t, "[daemon]\nmax-handles = 3\n"+pools)
	if out := r.reread(t); out.Text != "daemon: max-handles 2→3 live; other, shelf unchanged" {
		t.Errorf("the plan is %q", out.Text)
	}
	makeBox(t, one)
	if now := r.pids(t, "shelf"); len(now) != 1 || now[0] != before[0] {
		t.Errorf("shelf had %v and has %v", before, now)
	}
	_ = one.Close()
	wait(t, "the handles of the host that left are gone", func() bool { return r.handles(t, "shelf") == 0 })
	if _, err := two.Ref(t.Context(), "shelf.Box", nil); err != nil {
		t.Errorf("once there is room: %v", err)
	}
}
