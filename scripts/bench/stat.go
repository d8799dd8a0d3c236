package main

import (
	"math"
	"slices"
	"time"
)

// percentile gives the nearest-rank percentile of samples that are sorted: a
// value that was really seen, not one between two that were.
func percentile(sorted []time.Duration, percent float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(percent / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// spread is a figure over the runs: its median, and how far the runs were apart.
type spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"min"`
	Most   float64 `json:"max"`
}

// spreadOf ignores what is no number: a run in which nothing was measured.
func spreadOf(values []float64) (spread, bool) {
	var known []float64
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			known = append(known, v)
		}
	}
	if len(known) == 0 {
		return spread{}, false
	}
	slices.Sort(known)
	return spread{Median: median(known), Least: known[0], Most: known[len(known)-1]}, true
}

// median of sorted values; of an even number the mean of the middle two, or a
// report of two runs would always take the better one.
func median(sorted []float64) float64 {
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
