package daemon

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

func TestARingKeepsTheLastAndSaysHowManyAreGone(t *testing.T) {
	r := newRing(3, 1<<20, func(string) int { return 1 })
	for i := range 5 {
		r.add(fmt.Sprint(i))
	}
	items, lost, next, changed := r.since(1)
	if strings.Join(items, "") != "234" || lost != 1 || next != 5 {
		t.Errorf("got %v, %d lost, next %d", items, lost, next)
	}
	r.add("5")
	select {
	case <-changed:
	default:
		t.Error("who waits was not told")
	}
	if items, lost, _, _ := r.since(next); strings.Join(items, "") != "5" || lost != 0 {
		t.Errorf("got %v, %d lost", items, lost)
	}
}

func TestARingIsBoundedInBytesAndKeepsTheLastWhateverItsSize(t *testing.T) {
	r := newRing(1000, 100, func(s string) int { return len(s) })
	for range 50 {
		r.add(strings.Repeat("x", 30))
	}
	if n := len(r.all()); n != 3 || r.bytes != 90 {
		t.Errorf("%d items of %d bytes", n, r.bytes)
	}
	r.add(strings.Repeat("y", 500))
	if all := r.all(); len(all) != 1 || len(all[0]) != 500 || r.bytes != 500 {
		t.Errorf("%d items of %d bytes", len(all), r.bytes)
	}
}

// TestMemoryIsBoundedWhateverIsImported: names of pools are the hosts' to choose.
func TestMemoryIsBoundedWhateverIsImported(t *testing.T) {
	m := newMemory(4, func(string) bool { return false })
	for i := range 100 {
		m.note(supervisor.Logged{Identity: supervisor.Identity{Pool: fmt.Sprintf("p%d", i)}, Record: supervisor.LogRecord{Message: "hello"}})
	}
	if len(m.pools) != 4 || m.known("p99") == nil || m.known("p0") != nil {
		t.Errorf("%d pools are remembered", len(m.pools))
	}
	for range 2 * maxLogRecords {
		m.note(supervisor.Logged{Identity: supervisor.Identity{Pool: "p99"}, Record: supervisor.LogRecord{Message: strings.Repeat("x", 10_000)}})
	}
	if logs := m.known("p99").logs; logs.bytes > maxLogBytes || len(logs.all()) > maxLogRecords {
		t.Errorf("%d records of %d bytes", len(logs.all()), logs.bytes)
	}
	for range maxLogRecords {
		m.note(supervisor.Logged{Identity: supervisor.Identity{Pool: "p99"}, Record: supervisor.LogRecord{Logger: strings.Repeat("x", 10_000), Message: "m"}})
	}
	kept := 0
	for _, l := range m.known("p99").logs.all() {
		kept += len(l.Message) + len(l.Logger)
	}
	if kept > maxLogBytes {
		t.Errorf("loggers' names of %d bytes are kept", kept)
	}
}

// TestAPoolThatLivesIsNotForgotten, however quiet it is and whatever hosts have
// imported since: somebody may follow its log.
func TestAPoolThatLivesIsNotForgotten(t *testing.T) {
	r := startFile(t, "[daemon]\nimport-policy = \"any\"\nmax-pools = 3\n[pools.quiet]\n", map[string]string{
		"quiet": "def say(): print('at last', flush=True)\n", "bad": two["bad"], "worse": two["bad"], "worst": two["bad"], "awful": two["bad"],
	})
	host, operator := dial(t, r.host), dial(t, r.control)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	call(t, host, "quiet.say", nil)
	seen := 0
	for _, err := range operator.Stream(ctx, "mochi.logs", object{"pool": "quiet", "follow": true}) {
		if err != nil {
			t.Fatalf("after %d lines: %v", seen, err)
		}
		if seen++; seen > 1 {
			break
		}
		for _, module := range []string{"bad", "worse", "worst", "awful"} {
			refused(t, host, rpc.KindImportFailed, "not today", module+".f", nil)
		}
		call(t, host, "quiet.say", nil)
	}
}
