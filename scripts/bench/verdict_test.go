package main

import (
	"strings"
	"testing"
)

func find(t *testing.T, r *report, text string) verdict {
	t.Helper()
	for _, v := range r.Verdicts {
		if v.Promise == text {
			return v
		}
	}
	t.Fatalf("no verdict on %q", text)
	return verdict{}
}

func TestAPromiseIsJudgedByTheMedianOfItsRuns(t *testing.T) {
	const text = "p50 through the daemon, of two bare hops"
	for _, c := range []struct {
		one, two float64
		want     string
	}{
		{10, 20, holds},       // exactly what was promised
		{9, 22, holds},        // 0.9 and 1.1: 1.0 in the middle
		{11, 22, doesNotHold}, // 1.1 twice
	} {
		if got := find(t, seen(c.one, c.two), text); got.Holds != c.want {
			t.Errorf("p50 of %v and %v: %+v, want %s", c.one, c.two, got, c.want)
		}
	}
}

func TestWhatWasNotMeasuredIsNotJudged(t *testing.T) {
	r := &report{}
	r.judge()
	if len(r.Verdicts) < 30 {
		t.Errorf("%d verdicts, want one for every promise", len(r.Verdicts))
	}
	for _, v := range r.Verdicts {
		if v.Holds != notMeasured || v.Seen != nil {
			t.Errorf("of an empty report: %+v", v)
		}
	}
}

func TestPromisesAreDistinct(t *testing.T) {
	said := map[string]bool{}
	for _, p := range promises() {
		if said[p.text] {
			t.Errorf("%q is promised twice", p.text)
		}
		said[p.text] = true
	}
}

func TestARateThatTheFloorDoesNotReachIsNoFailure(t *testing.T) {
	r := &report{Families: []familyResult{{Name: familyPiped, Rows: []row{
		{Name: laneAlone, Kind: floor, Depth: 64, Runs: []sample{{PerCall: 10}}}, // 100,000 a second
		{Name: laneDaemon, Kind: ours, Depth: 64, Runs: []sample{{PerCall: 12}}}, // of which 60,000 are promised
	}}}}
	r.judge()
	if got := find(t, r, "pipelined through the daemon"); got.Holds != floorRefuses {
		t.Errorf("%+v, want %q", got, floorRefuses)
	}
	var out strings.Builder
	r.printVerdicts(&out)
	if !strings.Contains(out.String(), floorRefuses) {
		t.Errorf("the table does not say so:\n%s", out.String())
	}
}
