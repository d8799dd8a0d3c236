package daemon

import (
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

// TestWhoMayNotConnectCannotFillTheLog: he is refused as often as he comes, and
// told of once in a while, with how often it was.
func TestWhoMayNotConnectCannotFillTheLog(t *testing.T) {
	r := start(t, "[daemon]\nallow-uids = [0]\n", nil)
	opened := r.hooks(true).Opened
	const times = 1000
	for range times {
		if opened(&rpc.Conn{Peer: rpc.Peer{OK: true, UID: uid + 4242}}) == nil {
			t.Fatal("a stranger was let in")
		}
	}
	lines := 0
	for _, e := range r.memory.events.all() {
		if e.Event == "peer_refused" {
			lines++
		}
	}
	if lines == 0 || lines > 5 {
		t.Errorf("%d refusals are told in %d events", times, lines)
	}
}
