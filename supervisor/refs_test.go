package supervisor

import (
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestAWorkerThatDrainsTakesCallsOnItsHandlesAndIsIdleWhenTheyAreGone(t *testing.T) {
	plain, held := &rpc.Call{}, &rpc.Call{Holder: &rpc.RefPlace{}}
	l := newLink(1, 0)
	if l.admits(held) {
		t.Error("a worker that is not ready takes a call")
	}
	l.admit()
	l.hold(2)
	l.startDrain()
	if l.admits(plain) || !l.admits(held) {
		t.Errorf("draining, it takes a plain call: %v, one on a handle: %v", l.admits(plain), l.admits(held))
	}
	select {
	case <-l.idle:
		t.Fatal("it is idle with two handles")
	default:
	}
	l.hold(0)
	select {
	case <-l.idle:
	default:
		t.Error("it is not idle, with no call and no handle")
	}
	l.shutOut()
	if l.admits(held) {
		t.Error("a worker that is being stopped takes a call")
	}
}

func TestHandlesOfTheDeadHoldNothingUp(t *testing.T) {
	l := newLink(1, 0)
	l.admit()
	l.hold(3)
	l.orphans(nil, false)
	select {
	case <-l.idle:
	default:
		t.Error("a dead worker is not idle because of its handles")
	}
}

func TestTheConnectionIsNamedOnlyToCallsWithOptions(t *testing.T) {
	for meta, want := range map[string]string{
		"":                  `{"jsonrpc":"2.0","id":1,"method":"f"}`,
		`{"returns":"ref"}`: `{"jsonrpc":"2.0","id":1,"method":"f","meta":{"returns":"ref"},"conn":7}`,
	} {
		var r requestLine
		r.write(nil, 1, "f", nil, []byte(meta), &rpc.Call{RawMeta: []byte(meta), Conn: &rpc.Conn{Number: 7}}, time.Time{})
		if string(r.head) != want+"\n" {
			t.Errorf("%s, want %s", r.head, want)
		}
	}
}

func TestANumberOfHandlesThatIsNoneBreaksTheRules(t *testing.T) {
	w := &Worker{link: newLink(1, 0)}
	for _, params := range []string{``, `{}`, `{"live":-1}`, `{"live":"2"}`, `[1]`} {
		if w.takeRefs([]byte(params)) == nil {
			t.Errorf("%q was taken", params)
		}
	}
	if err := w.takeRefs([]byte(`{"live":2}`)); err != nil || w.Handles() != 2 {
		t.Errorf("%d handles, %v", w.Handles(), err)
	}
}
