package rpc

import (
	"fmt"
	"strings"
	"testing"
)

const mega = 1_000_000

// megabyte is params that weigh about a megabyte.
var megabyte = `["` + strings.Repeat("m", mega) + `"]`

func (s *testServer) wantNothingBooked(t *testing.T) {
	t.Helper()
	eventually(t, "the budget's return to nothing", func() bool { return s.Inbound() == 0 })
}

func TestBytesInFlightOfAConnectionAreBounded(t *testing.T) {
	s := serveTest(t, Limits{MaxMessage: 2 * mega, MaxInbound: 4*mega + 1000})
	h := s.dial(t)
	var held []*Call
	for i := range 4 {
		h.send(request(i, "hold", megabyte))
		held = append(held, s.h.waitHeld(t))
	}
	for i := range 20 {
		h.send(request(10+i, "hold", megabyte))
		a := h.answer()
		h.wantError(a, fmt.Sprint(10+i), KindOverloaded)
		if !strings.Contains(string(a.Error.Data), `"retry_after_ms":`) {
			t.Fatalf("no retry_after_ms: %s", a.Error.Data)
		}
	}
	if n := s.Inbound(); n < 4*mega || n > 4*mega+1000 {
		t.Errorf("%d bytes are booked for four calls of a megabyte", n)
	}
	h.ping()         // a small call still finds room
	s.dial(t).ping() // and so does another host
	held[0].Reply([]byte("1"))
	h.answer()
	h.send(request(50, "hold", megabyte))
	held = append(held, s.h.waitHeld(t)) // an answer gives its bytes back
	for _, c := range held {
		c.Reply([]byte("1"))
	}
	s.wantNothingBooked(t)
}

func TestBytesInFlightOfAllConnectionsAreBounded(t *testing.T) {
	s := serveTest(t, Limits{MaxMessage: 2 * mega, MaxInbound: 4 * mega, MaxInboundTotal: 4*mega + 1000})
	greedy := s.dial(t)
	for i := range 3 {
		greedy.send(request(i, "hold", megabyte))
		s.h.waitHeld(t)
	}
	other := s.dial(t)
	other.send(request(1, "hold", megabyte))
	s.h.waitHeld(t)
	other.send(request(2, "echo", megabyte))
	other.wantError(other.answer(), "2", KindOverloaded)
	third := s.dial(t)
	third.send(request(1, "echo", megabyte))
	third.wantError(third.answer(), "1", KindOverloaded)

	small := `["` + strings.Repeat("s", smallCall/2) + `"]`
	third.ask(`{"jsonrpc":"2.0","id":2,"result":`+small+`}`, request(2, "echo", small)) // nobody is locked out

	greedy.Close() // its calls are cancelled, and with the answers their bytes come back
	eventually(t, "the greedy host's bytes", func() bool { return s.Inbound() < 2*mega })
	third.ask(`{"jsonrpc":"2.0","id":3,"result":`+megabyte+`}`, request(3, "echo", megabyte))
	other.Close()
	s.wantNothingBooked(t)
}

func TestALoneCallOfTheLargestSizeAlwaysPasses(t *testing.T) {
	s := serveTest(t, Limits{MaxMessage: 2 * mega, MaxInbound: 1, MaxInboundTotal: 1})
	h := s.dial(t)
	for i := range 3 {
		h.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, i, megabyte), request(i, "echo", megabyte))
	}
	s.wantNothingBooked(t)
}

func TestBatchEntriesOverTheByteBudgetAreRefusedOneByOne(t *testing.T) {
	s := serveTest(t, Limits{MaxMessage: 2*mega + mega/5, MaxInbound: 4*mega + mega/2})
	h := s.dial(t)
	for i := range 4 {
		h.send(request(i, "hold", megabyte))
		s.h.waitHeld(t)
	}
	entries := make([]string, 5)
	for i := range entries {
		entries[i] = request(10+i, "echo", `["`+strings.Repeat("h", mega*2/5)+`"]`)
	}
	entries[0] = request(10, "hold", `["`+strings.Repeat("h", mega*2/5)+`"]`)
	entries[4] = request(14, "note", "")           // a small one fits, and says that the others before it have been judged
	h.send("[" + strings.Join(entries, ",") + "]") // the first takes the last of the room
	first := s.h.waitHeld(t)
	s.h.waitHeld(t)
	first.Reply([]byte("1"))
	all := entriesOf(t, h.line())
	if len(all) != len(entries) {
		t.Fatalf("%d answers", len(all))
	}
	for _, a := range all {
		if id := string(a.ID); id == "10" || id == "14" {
			if a.Error != nil {
				t.Errorf("id %s: %v", id, a.Error)
			}
		} else {
			h.wantError(a, id, KindOverloaded)
		}
	}
	h.Close()
	s.wantNothingBooked(t)
}

// What a call in flight holds is what it is booked for: neither the rest of its
// batch nor members that nobody reads.
func TestCallInFlightHoldsOnlyItsOwnBytes(t *testing.T) {
	s := serveTest(t, Limits{})
	h := s.dial(t)
	before := liveHeap()
	for i := range 32 {
		h.send("["+request(fmt.Sprint(i), "hold", "[1]")+","+request(100+i, "note", megabyte)+"]",
			fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"hold","junk":%s}`, 200+i, megabyte))
		s.h.waitHeld(t)
		s.h.waitHeld(t)
		s.h.waitHeld(t)
	}
	h.ping()
	if grown := liveHeap() - before; grown > 16<<20 {
		t.Errorf("64 small calls in flight hold %d MiB", grown>>20)
	}
	if n := s.Inbound(); n > 32*100 {
		t.Errorf("%d bytes are booked", n)
	}
}
