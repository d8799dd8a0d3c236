package main

import (
	"fmt"
	"io"
	"slices"
)

// promise is a line that must hold, and how it is seen in a report.
type promise struct {
	text  string
	bound float64
	least bool // the bound is a least, not a most
	unit  string
	seen  func(*report) (spread, bool)
	lanes []string // that it is seen in: the report may say why one is missing
}

// verdict is one promise and what was seen of it.
type verdict struct {
	Promise  string  `json:"promise"`
	Promised string  `json:"promised"`
	Seen     *spread `json:"seen,omitempty"`
	Unit     string  `json:"unit"`
	Holds    string  `json:"holds"`
}

// What a verdict says.
const (
	holds        = "holds"
	doesNotHold  = "DOES NOT HOLD"
	notMeasured  = "not measured"
	floorRefuses = "the floor does not allow it"
)

// judge compares the median of the runs with what was promised.
func (p promise) judge(r *report) verdict {
	sign := "≤"
	if p.least {
		sign = "≥"
	}
	v := verdict{Promise: p.text, Promised: fmt.Sprintf("%s %s %s", sign, figure(p.bound), p.unit), Unit: p.unit, Holds: notMeasured}
	seen, ok := p.seen(r)
	if !ok {
		v.Holds = r.whyNot(p.lanes)
		return v
	}
	v.Seen = &seen
	v.Holds = doesNotHold
	if p.least && seen.Median >= p.bound || !p.least && seen.Median <= p.bound {
		v.Holds = holds
	}
	return v
}

// whyNot is the reason that one of the lanes is missing for, if there is one.
func (r *report) whyNot(lanes []string) string {
	for _, f := range r.Families {
		for _, m := range f.Missing {
			if slices.Contains(lanes, m.Name) {
				return m.Reason
			}
		}
	}
	return notMeasured
}

// judge fills the verdicts.
func (r *report) judge() {
	for _, p := range promises() {
		v := p.judge(r)
		if p.unit == rate && v.Holds == doesNotHold && !r.floorAllows(p.bound) {
			v.Holds = floorRefuses
		}
		r.Verdicts = append(r.Verdicts, v)
	}
}

// floorAllows says whether a rate is in reach here: the worker alone, at the
// share of it that is promised.
func (r *report) floorAllows(rate float64) bool {
	alone, ok := r.family(familyPiped).value(laneAlone, perSecond)
	return !ok || alone.Median*shareOfAlone >= rate
}

// printVerdicts writes what was promised beside what was seen.
func (r *report) printVerdicts(w io.Writer) {
	fmt.Fprintf(w, "\n%-72s %-14s %-30s\n", "PROMISED", "", "SEEN: median (least–most of the runs)")
	for _, v := range r.Verdicts {
		seen := ""
		if v.Seen != nil {
			seen = v.Seen.String() + " " + v.Unit
		}
		fmt.Fprintf(w, "%-72s %-14s %-30s %s\n", v.Promise, v.Promised, seen, v.Holds)
	}
}
