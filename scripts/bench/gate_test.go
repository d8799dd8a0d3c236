package main

import (
	"strings"
	"testing"
)

func reportOf(ratios map[string]float64, families ...string) *report {
	r := &report{Schema: schema, Ratios: ratios}
	for _, name := range families {
		r.Families = append(r.Families, familyResult{Name: name})
	}
	return r
}

func TestTheGateFailsOnMoreThanTheTolerance(t *testing.T) {
	was := reportOf(map[string]float64{"latency/a": 1, "latency/b": 1, "latency/c": 1, "latency/gone": 1, "hosts/x": 1})
	now := reportOf(map[string]float64{"latency/a": 1.15, "latency/b": 1.16, "latency/c": 0.5, "latency/new": 9}, "latency")
	var names []string
	for _, r := range regressions(was, now) {
		names = append(names, r.String())
	}
	// Of hosts nothing was measured, so nothing is said.
	if got := strings.Join(names, "\n"); len(names) != 2 ||
		!strings.Contains(got, "latency/b: 1.16 × its base, was 1.00 ×: +16 %") ||
		!strings.Contains(got, "latency/gone: was 1.00, and is not measured any more") {
		t.Errorf("regressions:\n%s", got)
	}
}

func TestTheGateBelievesTheBestOfItsMeasurements(t *testing.T) {
	now := reportOf(map[string]float64{"latency/a": 2, "latency/b": 1})
	now.best(reportOf(map[string]float64{"latency/a": 1, "latency/b": 3}))
	if now.Ratios["latency/a"] != 1 || now.Ratios["latency/b"] != 1 {
		t.Errorf("kept %v, want the smaller of each", now.Ratios)
	}
}

func TestTheGateMeasuresOnlyWhatIsGated(t *testing.T) {
	want := gated(reportOf(map[string]float64{"latency/a": 1, "hosts/b": 1}), wanted("latency,memory"))
	for name, expected := range map[string]bool{"latency": true, "hosts": false, "memory": false} {
		if want(name) != expected {
			t.Errorf("family %s: wanted %v, want %v", name, want(name), expected)
		}
	}
	if !wanted("")("anything") {
		t.Error("without -only every family is wanted")
	}
}

func TestASuspectIsMeasuredAgainAndNobodyElse(t *testing.T) {
	again := suspects([]regression{{name: "latency/a"}})
	if !again("latency") || again("hosts") || again("late") {
		t.Error("a family is measured again that no regression is of, or the other way round")
	}
}
