package supervisor

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestGigabyteOfStderrBlocksNobodyAndCostsNoMemory(t *testing.T) {
	size := 1 << 30
	if testing.Short() || raceEnabled {
		size = 64 << 20
		t.Log("64 MiB and not 1 GiB: -short or -race")
	}
	w, o := readyMini(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rss := residentBytes(t)
	begin := time.Now()
	flood := send(t, w, LaneMain, "flood", []any{size, strings.Repeat("spam and eggs ", 8)})
	var peak int64
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case a := <-flood:
			if a.result != `"flooded"` {
				t.Errorf("%+v", a)
			}
			done = true
		case <-tick.C:
			peak = max(peak, residentBytes(t)-rss)
		case <-t.Context().Done():
			t.Fatal("the worker is blocked")
		}
	}
	took := time.Since(begin)
	runtime.GC()
	runtime.ReadMemStats(&after)
	w.Stop(ReasonScale)
	await(t, o.gone, "its end")
	records := o.records()
	dropped := 0
	for _, r := range records {
		dropped += r.Dropped
	}
	lines := size/113 + 1
	if total := len(records) + dropped; total < lines || total > lines+1000 {
		t.Errorf("%d records and %d dropped; %d lines were written", len(records), dropped, lines)
	}
	if last := records[len(records)-1]; last.Message != "the last line" {
		t.Errorf("the last record is %q", last.Message)
	}
	if peak > 32<<20 {
		t.Errorf("the daemon grew by %d MiB", peak>>20)
	}
	t.Logf("%d MiB in %v (%.0f MiB/s), %d records, %d dropped, RSS +%d KiB at most, heap %+d KiB",
		size>>20, took, float64(size>>20)/took.Seconds(), len(records), dropped, peak>>10, (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10)
}

// residentBytes is this process's memory; 0 where /proc does not say.
func residentBytes(t *testing.T) int64 {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(raw), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}

func TestOutputOfAWorkerIsRecords(t *testing.T) {
	w, o := readyMini(t)
	ask1(t, w, "stdout", []any{"from stdout\n"})
	ask1(t, w, "stderr", json.RawMessage(`["bad \udce9 byte\n`+strings.Repeat("z", 10<<20)+`\n"]`))
	ask1(t, w, "tagged", []any{map[string]any{"level": "warning", "logger": "app.db", "message": "slow query"}})
	w.Stop(ReasonScale)
	await(t, o.gone, "its end")
	found := map[string]LogRecord{}
	for _, r := range o.records() {
		found[r.Message[:min(len(r.Message), 10)]] = r
	}
	if r := found["from stdou"]; r.Stream != "stdout" || r.Level != "info" {
		t.Errorf("%+v", r)
	}
	if r := found["zzzzzzzzzz"]; !strings.HasSuffix(r.Message, fmt.Sprintf("(%d more bytes)", 10<<20-logLine)) {
		t.Errorf("%d bytes shown of the long line", len(r.Message))
	}
	if r := found["slow query"]; r.Level != "warning" || r.Logger != "app.db" || r.Function != "tagged" || r.RequestID != "0" {
		t.Errorf("%+v", r)
	}
}
