package pool

import (
	"fmt"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/supervisor"
)

func TestDepthIsOneUntilAFunctionHasBeenSeenToBeQuick(t *testing.T) {
	var f function
	if d := f.depth(32); d != 1 {
		t.Fatalf("an unknown function has depth %d, want 1", d)
	}
	want := []int{2, 4, 8, 16, 32, 32}
	for i, w := range want {
		f.observe(10 * time.Microsecond)
		if d := f.depth(32); d != w {
			t.Errorf("after %d quick calls depth is %d, want %d", i+1, d, w)
		}
	}
}

func TestOneSlowCallClosesTheDepthAgain(t *testing.T) {
	var f function
	for range 100 {
		f.observe(time.Microsecond)
	}
	f.observe(quick + 1)
	if d := f.depth(32); d != 1 {
		t.Errorf("depth is %d after a slow call, want 1", d)
	}
}

func TestNamesFromHostsDoNotGrowTheTable(t *testing.T) {
	table := newFunctions(map[string]supervisor.Kind{"fetch": supervisor.KindCoroutine})
	for i := range 2 * maxFunctions {
		table.of(fmt.Sprint("junk", i))
	}
	if len(table.byName) != 1 {
		t.Errorf("looking names up left %d entries", len(table.byName))
	}
	for i := range 2 * maxFunctions {
		table.learn(fmt.Sprint("real", i)).observe(0)
	}
	if len(table.byName) != maxFunctions {
		t.Errorf("the table holds %d entries, its bound is %d", len(table.byName), maxFunctions)
	}
	if table.stranger != (function{}) {
		t.Error("the entry of unknown names was written")
	}
	if table.of("fetch").lane() != supervisor.LaneLoop {
		t.Error("a coroutine function must take the loop's lane")
	}
}
