package supervisor

import (
	"strings"
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

// TestTheLedgerHasEachWorkersHandlesUntilItIsDead, and says so to calls that could
// make more once there are as many as there may be.
func TestTheLedgerHasEachWorkersHandlesUntilItIsDead(t *testing.T) {
	ledger := &Ledger{}
	one, other := newLink(1, 0), newLink(1, 0)
	one.ledger, other.ledger = ledger, ledger
	line := func() string {
		r := requestLine{ledger: ledger}
		meta := `{"returns":"ref"}`
		r.write(nil, 1, "f", nil, []byte(meta), &rpc.Call{RawMeta: []byte(meta)}, time.Time{})
		return string(r.head)
	}
	const open, full = `"conn":0}` + "\n", `"conn":0,"full":[5,4]}` + "\n"
	one.hold(1)
	one.hold(3)
	other.hold(2)
	for _, step := range []struct {
		most int
		ends string
	}{{0, open}, {6, open}, {5, `"full":[5,5]}` + "\n"}, {4, full}} {
		if ledger.Limit(step.most); !strings.HasSuffix(line(), step.ends) {
			t.Errorf("with room for %d a call is %s, want the end %s", step.most, line(), step.ends)
		}
	}
	plain := requestLine{ledger: ledger}
	if plain.write(nil, 1, "f", nil, nil, &rpc.Call{}, time.Time{}); strings.Contains(string(plain.head), "full") {
		t.Errorf("a call that can make none is told: %s", plain.head)
	}
	one.orphans(nil, false)
	if ledger.Live() != 2 || !strings.HasSuffix(line(), open) {
		t.Errorf("when a worker is dead there are %d, and a call is %s", ledger.Live(), line())
	}
	other.hold(0)
	if ledger.Live() != 0 {
		t.Errorf("%d are left of none", ledger.Live())
	}
	var none *Ledger
	none.Limit(1)
	none.count(3)
	if most, _ := none.full(); most != 0 || none.Live() != 0 {
		t.Error("no ledger bounds nothing")
	}
}
