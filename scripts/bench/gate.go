package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// tolerance is how much worse than the committed report a ratio may be.
const tolerance = 0.15

// secondTries: a ratio that is worse is measured again, and its best counts. A
// regression is there every time, a machine's mood is not.
const secondTries = 2

// regression is a ratio that became worse.
type regression struct {
	name     string
	was, now float64
	gone     bool // it was there, and now there is none
}

func (r regression) String() string {
	if r.gone {
		return fmt.Sprintf("%s: was %s, and is not measured any more", r.name, figure(r.was))
	}
	return fmt.Sprintf("%s: %s × its base, was %s ×: %+.0f %%", r.name, figure(r.now), figure(r.was), 100*(r.now/r.was-1))
}

// regressions compares two reports; of the reference only families that were
// measured now.
func regressions(was, now *report) []regression {
	var worse []regression
	for _, name := range slices.Sorted(maps.Keys(was.Ratios)) {
		old := was.Ratios[name]
		family, _, _ := strings.Cut(name, "/")
		if now.family(family).Name == "" {
			continue
		}
		seen, ok := now.Ratios[name]
		if !ok {
			worse = append(worse, regression{name: name, was: old, gone: true})
			continue
		}
		if seen > old*(1+tolerance) {
			worse = append(worse, regression{name: name, was: old, now: seen})
		}
	}
	return worse
}

// gated are the families that the reference has ratios of, and are wanted.
func gated(was *report, want func(string) bool) func(string) bool {
	has := map[string]bool{}
	for name := range was.Ratios {
		family, _, _ := strings.Cut(name, "/")
		has[family] = true
	}
	return func(name string) bool { return has[name] && want(name) }
}

// best keeps the better of what two measurements saw.
func (r *report) best(again *report) {
	for name, seen := range again.Ratios {
		if old, ok := r.Ratios[name]; !ok || seen < old {
			r.Ratios[name] = seen
		}
	}
}

// gate measures what the reference has ratios of and fails when one is worse.
func (b *bench) gate(ctx context.Context, w io.Writer, path string, want func(string) bool) (*report, error) {
	was, err := readReport(path)
	if err != nil {
		return nil, err
	}
	b.gating = true // the peers are not ours to answer for
	now, err := b.measure(ctx, gated(was, want))
	if err != nil {
		return now, err
	}
	if now.Machine != was.Machine {
		fmt.Fprintf(w, "the reference is of another machine: %+v\n", was.Machine)
	}
	worse := regressions(was, now)
	for range secondTries {
		if len(worse) == 0 {
			break
		}
		again, err := b.measure(ctx, suspects(worse))
		if err != nil {
			return now, err
		}
		now.best(again)
		worse = regressions(was, now)
	}
	now.printRatios(w, was)
	if len(worse) == 0 {
		fmt.Fprintf(w, "bench-gate: no ratio is more than %.0f %% worse than in %s\n", 100*tolerance, path)
		return now, nil
	}
	for _, r := range worse {
		fmt.Fprintf(w, "bench-gate: %s\n", r)
	}
	return now, fmt.Errorf("%d ratios are more than %.0f %% worse than in the committed report, in each of %d measurements", len(worse), 100*tolerance, 1+secondTries)
}

func suspects(worse []regression) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(worse, func(r regression) bool { return strings.HasPrefix(r.name, name+"/") })
	}
}

func (r *report) printRatios(w io.Writer, was *report) {
	fmt.Fprintf(w, "%-56s %10s %10s\n", "ratio to its base", "now", "committed")
	for _, name := range slices.Sorted(maps.Keys(r.Ratios)) {
		fmt.Fprintf(w, "%-56s %10s %10s\n", name, figure(r.Ratios[name]), figure(was.Ratios[name]))
	}
}
