package main

import (
	"math"
	"testing"
	"time"
)

func TestAPercentileIsASampleThatWasSeen(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		of      []time.Duration
		percent float64
		want    time.Duration
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{[]time.Duration{7}, 50, 7},
		{[]time.Duration{7}, 99, 7},
		{[]time.Duration{1, 9}, 50, 1},
		{[]time.Duration{1, 9}, 51, 9},
		{nil, 50, 0},
	} {
		if got := percentile(c.of, c.percent); got != c.want {
			t.Errorf("p%v of %d samples is %d, want %d", c.percent, len(c.of), got, c.want)
		}
	}
}

func TestASpreadLeavesOutRunsThatSawNothing(t *testing.T) {
	got, ok := spreadOf([]float64{3, math.NaN(), 1, math.Inf(1), 2})
	if want := (spread{2, 1, 3}); !ok || got != want {
		t.Errorf("spread %+v %v, want %+v", got, ok, want)
	}
	if got, _ := spreadOf([]float64{1, 4}); got.Median != 2.5 {
		t.Errorf("the median of two runs is %v, want the mean of both", got.Median)
	}
	if _, ok := spreadOf([]float64{math.NaN()}); ok {
		t.Error("a spread of nothing")
	}
}

func TestATurnOfOverlappingCallsIsOneSample(t *testing.T) {
	m := measured{calls: 10, took: 100 * time.Microsecond}
	if got := m.samples(); len(got) != 1 || got[0] != 10*time.Microsecond {
		t.Errorf("samples %v, want the mean alone", got)
	}
	m.each = []time.Duration{1, 2}
	if got := m.samples(); len(got) != 2 {
		t.Errorf("samples %v, want every call's own", got)
	}
}
