package top

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func TestTheLastMinuteIsCountedFromTheTotals(t *testing.T) {
	var p Past
	for second := range 100 {
		p.Add(look(second))
	}
	track := p.pools["numpy"]
	if len(track.rate) != minute || track.seen != 99 {
		t.Fatalf("%d seconds kept of %d", len(track.rate), track.seen)
	}
	for _, rate := range track.rate {
		if rate != 100 {
			t.Fatalf("rates %v, want 100 each", track.rate)
		}
	}
	if got := p.rates("numpy", 30); got != strings.Repeat("█", 30) {
		t.Errorf("drawn as %q", got)
	}
	if got := p.rates("app", 15); got != strings.Repeat("▁", 15) {
		t.Errorf("an idle pool is drawn as %q", got)
	}
}

func TestSecondsThatNobodySawAreNotDrawn(t *testing.T) {
	var p Past
	for _, second := range []int{0, 1, 2, 6, 7} {
		p.Add(look(second))
	}
	if got, want := p.rates("numpy", 60), strings.Repeat(" ", 53)+"██   ██"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPoolThatBeganAnewIsNotBelowZero(t *testing.T) {
	var p Past
	p.Add(look(5))
	s := look(6)
	s.Status.Pools[0].Calls = 3
	p.Add(s)
	if rate := p.pools["numpy"].rate[0]; rate != 0 {
		t.Errorf("%v calls a second", rate)
	}
}

// TestBarsKeepTheirSeconds: a bar of several seconds must not change because a
// second has passed.
func TestBarsKeepTheirSeconds(t *testing.T) {
	values := []float64{8, 8, 0, 0, 4, 4}
	if got := spark(values, 6, 30); !strings.HasSuffix(got, "█▁▅") {
		t.Errorf("got %q", got)
	}
	if got := spark(append(values, 4), 7, 30); !strings.HasSuffix(got, "█▁▅▅") {
		t.Errorf("a second later %q", got)
	}
	if got := spark([]float64{math.NaN()}, 1, 12); strings.TrimSpace(got) != "" {
		t.Errorf("nothing seen is drawn as %q", got)
	}
}

func TestProcessorTimeIsOfTheLastSecond(t *testing.T) {
	var p Past
	at := func(second int, lifetime float64, pid int) daemon.WorkerStatus {
		s := look(second)
		w := daemon.WorkerStatus{Pool: "numpy", PID: pid, CPUPercent: lifetime, AgeMS: int64(second) * 1000}
		s.Workers = []daemon.WorkerStatus{w}
		p.Add(s)
		return w
	}
	if w := at(100, 10, 1); p.percent(w) != 10 {
		t.Errorf("first %v", p.percent(w))
	}
	// 10 s of 100 have become 11 s of 101: the last second was a whole core.
	if w := at(101, 100*11.0/101, 1); math.Abs(p.percent(w)-100) > 0.1 {
		t.Errorf("then %v", p.percent(w))
	}
	if w := at(102, 25, 2); p.percent(w) != 25 {
		t.Errorf("another process has %v", p.percent(w))
	}
}

func TestATracebackIsItsLines(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 30, 0, 0, time.Local).Format(time.RFC3339)
	lines, err := logLines([]byte(`{"records":[{"at":"` + at + `","pool":"app","slot":1,"level":"error","message":"Traceback:\n  File\nValueError"},{"at":"` + at + `","pool":"app","slot":-1,"level":"info","message":"forked","dropped":2}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := "12:30:00 app/1 error   Traceback:|      File|    ValueError|12:30:00 app/preload info    (2 lines dropped before)  forked"
	if got := strings.Join(lines, "|"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestADaemonInAContainerHasTheSameNumberEachTime: what tells two apart is that
// the second one has not run for as long.
func TestADaemonInAContainerHasTheSameNumberEachTime(t *testing.T) {
	var p Past
	for second := range 5 {
		p.Add(look(second))
	}
	s := look(9)
	s.Status.Daemon.UptimeMS = 1000
	p.Add(s)
	if n := len(p.pools["numpy"].rate); n != 0 {
		t.Errorf("%d seconds of the daemon before", n)
	}
}
