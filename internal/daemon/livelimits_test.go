package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mochilang/mochi-pyd/rpc"
)

// TestALiveBoundHoldsForConnectionsThatAreOpen: what a reload says of batches, of
// requests in flight, of names and of hosts is asked at their next one.
func TestALiveBoundHoldsForConnectionsThatAreOpen(t *testing.T) {
	const pools = "[pools.place]\n"
	r := startFile(t, pools, map[string]string{"place": placeModule})
	host := dialRaw(t, r.host)
	ask := func(line string) string {
		t.Helper()
		host.send(t, line)
		raw, err := host.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	const (
		batch  = `[{"jsonrpc":"2.0","id":1,"method":"mochi.ping"},{"jsonrpc":"2.0","id":2,"method":"mochi.ping"}]`
		naming = `{"jsonrpc":"2.0","id":3,"method":"mochi.import","params":{"module":"place","as":"name%d"}}`
		long   = `{"jsonrpc":"2.0","id":4,"method":"place.name"}`
	)
	if got := ask(batch) + ask(fmt.Sprintf(naming, 1)); strings.Contains(got, "error") {
		t.Fatalf("by default: %s", got)
	}
	r.say(t, "[daemon]\nmax-batch = 1\nmax-aliases = 1\nmax-connections = 2\n"+pools)
	r.reread(t)
	if got := ask(batch); !strings.Contains(got, "over the limit of 1") {
		t.Errorf("a batch of two at max-batch 1: %s", got)
	}
	if got := ask(fmt.Sprintf(naming, 2)); !strings.Contains(got, "max-aliases") || !strings.Contains(got, string(rpc.KindOverloaded)) {
		t.Errorf("a second name at max-aliases 1: %s", got)
	}
	second := dialRaw(t, r.host)
	second.send(t, `{"jsonrpc":"2.0","id":1,"method":"mochi.ping"}`)
	if a := second.answer(t); a.Error != nil {
		t.Errorf("the second of two connections: %v", a.Error)
	}
	if a := dialRaw(t, r.host).answer(t); a.Error.Kind() != rpc.KindOverloaded {
		t.Errorf("a third connection at max-connections 2: %s %v", a.Result, a.Error)
	}

	r.say(t, "[daemon]\nallow-uids = [4242]\n"+pools)
	r.reread(t)
	if got := ask(batch) + ask(fmt.Sprintf(naming, 3)) + ask(long); strings.Contains(got, "error") {
		t.Errorf("once the bounds are gone: %s", got)
	}
	if err := r.admit(rpc.Peer{UID: 4343, OK: true}); rpc.AsError(err).Kind() != rpc.KindPermissionDenied {
		t.Errorf("a uid that is not on the new list: %v", err)
	}
}

// TestMaxPoolsIsAskedAtEachImport, and says so in the words of the file.
func TestMaxPoolsIsAskedAtEachImport(t *testing.T) {
	r := startFile(t, "[daemon]\nimport-policy = \"any\"\nmax-pools = 1\n[pools.img]\n", two)
	c := dial(t, r.host)
	refused(t, c, rpc.KindOverloaded, "max-pools", "pdf.where", nil)
	img := r.pids(t, "img")
	r.say(t, "[daemon]\nimport-policy = \"any\"\nmax-pools = 2\n[pools.img]\n")
	r.reread(t)
	if got := call(t, c, "pdf.where", nil); got != `"pdf"` {
		t.Errorf("pdf.where = %s", got)
	}
	refused(t, c, rpc.KindOverloaded, "max-pools", "new.where", nil)
	if now := r.pids(t, "img"); len(now) != 1 || now[0] != img[0] {
		t.Errorf("img had %v and has %v", img, now)
	}
	r.memory.hold(1)
	r.memory.of("one")
	r.memory.of("other")
	if r.memory.known("one") != nil || r.memory.known("other") == nil {
		t.Error("more pools are remembered than there may be")
	}
}
