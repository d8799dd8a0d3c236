package supervisor

import (
	"slices"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

func TestWhatWaitsIsWantedBackAlsoBehindACallThatIsToEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		shot int // index of the call that is to end
		back int // how often the last one has been back
		want []uint64
	}{
		{"the one that runs", 0, 2, []uint64{2, 3}},
		{"one that waits", 1, 2, []uint64{3}},
		{"the one that runs, before one that stays,", 0, 3, []uint64{2}},
	} {
		l := newLink(4, 0)
		for i := range 3 {
			l.seats[i] = seat{id: uint64(i + 1), call: &rpc.Call{}}
		}
		// Ids name their seats: those of this test are one up.
		l.seats[0], l.seats[1], l.seats[2], l.seats[3] = seat{}, l.seats[0], l.seats[1], l.seats[2]
		l.seats[1+c.shot].shot = true
		l.seats[3].call.TakenBack = c.back
		if got := l.behind(3); !slices.Equal(got, c.want) {
			t.Errorf("%s is to end: %v are wanted back, want %v", c.name, got, c.want)
		}
		for id := range uint64(4) {
			if got := l.givesBack(id); id > 0 && got != (l.seats[id].shot || slices.Contains(c.want, id)) {
				t.Errorf("%s is to end: whether %d may be given back is %v", c.name, id, got)
			}
		}
	}
}

func TestEmptyParamsAreNone(t *testing.T) {
	want := `{"jsonrpc":"2.0","id":1,"method":"f"}` + "\n"
	var r requestLine
	r.write(nil, 1, "f", []byte{}, []byte{}, nil)
	if string(r.head) != want || r.params != nil {
		t.Errorf("%s%s%s, want %s", r.head, r.params, r.tail, want)
	}
}
