package supervisor

import (
	"slices"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

// TestWhatADeadWorkerHadNotBegunIsItsOwnersBeforeTheBurial: the burial may take
// as long as its strays do, and those calls need not wait for it. What the owner
// gives back is settled with the rest.
func TestWhatADeadWorkerHadNotBegunIsItsOwnersBeforeTheBurial(t *testing.T) {
	o := newWitness()
	var offered []*rpc.Call
	o.onFell = func(calls []*rpc.Call) []*rpc.Call {
		select {
		case <-o.gone:
			t.Error("it was buried already")
		default:
		}
		offered = slices.Clone(calls)
		return calls[1:] // the first is run elsewhere
	}
	w := startMini(t, miniConfig(t, "mini", o), o)
	awaitReady(t, w)
	running, _ := sendCall(t, w, LaneMain, "sleep", []any{60})
	awaitStarted(t, w, running)
	first, _ := sendCall(t, w, LaneMain, "echo", []any{1})
	second, _ := sendCall(t, w, LaneMain, "echo", []any{2})
	w.Kill(ReasonScale)
	await(t, o.gone, "the burial")
	if !slices.Equal(offered, []*rpc.Call{first, second}) {
		t.Errorf("offered were %v", offered)
	}
	if len(o.left) != 2 || o.left[0].Call != running || !o.left[0].Started || o.left[1].Call != second || o.left[1].Started {
		t.Errorf("left were %+v", o.left)
	}
	if first.Answered() {
		t.Error("the call that its owner had taken was answered by somebody else")
	}
}
