package acceptance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/rig"
)

// TestAFloodOfLogLinesBlocksNobodyAndCostsTheDaemonNoMemory is row F8: a
// gigabyte of stderr, a line of 10 MB and bytes that are no text pass a daemon
// that grows by less than 32 MiB, counts what it dropped and keeps the last
// words.
func TestAFloodOfLogLinesBlocksNobodyAndCostsTheDaemonNoMemory(t *testing.T) {
	onlyWithProc(t)
	t.Parallel()
	const growth = 32 << 20
	size := 1 << 30
	if raceEnabled {
		size = 128 << 20
		t.Log("128 MiB and not 1 GiB: the race detector is some ten times slower")
	}
	d := serve(t, rig.Options{Workers: 1})
	h := dial(t, d)
	call(t, h, "flood.nothing", "")
	call(t, h, "flood.stderr", "[1048576]") // what is made once is made now
	base := memory(t, d.PID(), "VmRSS")

	other := dial(t, d)
	call(t, other, "both.add", "[1,1]")
	started := time.Now()
	send(t, h, rig.Request(1, "flood.stderr", fmt.Sprintf("[%d]", size)))
	runs(t, d, "flood", "stderr")
	for range 20 {
		if got := call(t, other, "both.add", "[3,4]"); got != "7" {
			t.Errorf("beside the flood another pool answered %s", got)
		}
	}
	if a := answers(t, h, 1)[1]; string(a.Result) != fmt.Sprint(size) {
		t.Fatalf("the flood was answered %s %+v", a.Result, a.Error)
	}
	took := time.Since(started)
	call(t, h, "flood.long_line", fmt.Sprintf("[%d]", 10<<20))
	call(t, h, "flood.strange", "")
	lost := refused(t, h, "worker_lost", "flood.last_words", `["goodbye, cruel pool"]`)
	if tail := fmt.Sprint(lost.Data["stderr_tail"]); !strings.Contains(tail, "goodbye, cruel pool") {
		t.Errorf("the last line is not in stderr_tail: %s", tail)
	}
	// The peak counts the other pool's start too, which is the daemon's own work.
	grown := memory(t, d.PID(), "VmHWM") - base
	t.Logf("%d MiB of stderr in %s, the daemon grew by %d KiB at its peak", size>>20, took.Round(time.Millisecond), grown>>10)
	if grown > growth {
		t.Errorf("the daemon grew by %d MiB, promised < %d", grown>>20, growth>>20)
	}

	dropped, counts := 0, regexp.MustCompile(`\(dropped=(\d+)\)`)
	rig.Until(logLimit, func() bool {
		dropped = 0
		for _, r := range d.Log.Find(func(r rig.Record) bool { return r.Text("pool") == "flood" }) {
			if said := counts.FindStringSubmatch(r.Message()); said != nil {
				n, err := strconv.Atoi(said[1])
				if err != nil {
					t.Fatal(err)
				}
				dropped += n
			}
		}
		return dropped > 0
	})
	if dropped == 0 {
		t.Error("no record says how many lines were dropped")
	}
	t.Logf("%d lines were dropped and counted", dropped)
	for _, text := range []string{"zzzzzzzz", "forged", "[1,2,3]", "not even that", "goodbye, cruel pool"} {
		record(t, d, "flood", text)
	}
}
