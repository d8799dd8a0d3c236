package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// schema is the report's version: the gate refuses to compare two shapes.
const schema = 1

// report is all that one `make bench` has seen.
type report struct {
	Schema   int            `json:"schema"`
	Machine  machine        `json:"machine"`
	Runs     int            `json:"runs"`
	Quick    bool           `json:"quick"`
	Families []familyResult `json:"families"`
	Verdicts []verdict      `json:"verdicts"`
	// Ratios are what the gate compares: ours against a floor of the same run,
	// by "family/lane"; all of them are better when smaller.
	Ratios map[string]float64 `json:"ratios"`
}

// familyResult is what a family has seen.
type familyResult struct {
	Name    string    `json:"name"`
	About   string    `json:"about"`
	Base    string    `json:"base,omitempty"`
	Unit    string    `json:"unit"`
	Rows    []row     `json:"rows"`
	Missing []missing `json:"missing,omitempty"`
}

// row is one lane over all runs.
type row struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Host  string `json:"host,omitempty"`
	Depth int    `json:"depth,omitempty"`
	Base  string `json:"base,omitempty"` // where it is not the family's
	Unit  string `json:"unit,omitempty"` // where it is not the family's
	// Over are the medians of the runs.
	Over sample `json:"median"`
	// Ratio is p50 at depth 1 and time per call deeper, each run's own, in
	// multiples of the base's.
	Ratio *spread  `json:"ratio,omitempty"`
	Runs  []sample `json:"runs"`
}

// sample is what one run saw of a lane. Times are µs, and µs a call.
type sample struct {
	Calls   int                `json:"calls,omitempty"`
	P50     float64            `json:"p50"`
	P90     float64            `json:"p90,omitempty"`
	P99     float64            `json:"p99,omitempty"`
	PerCall float64            `json:"per_call,omitempty"`
	CPU     map[string]float64 `json:"cpu,omitempty"`
}

// figure is what a lane's ratios are made of: single calls where they do not
// overlap, the mean where they do.
func (r *row) figure(run int) float64 {
	if r.Depth > 1 {
		return r.Runs[run].PerCall
	}
	return r.Runs[run].P50
}

// find gives a row by name.
func (f *familyResult) find(name string) *row {
	for i := range f.Rows {
		if f.Rows[i].Name == name {
			return &f.Rows[i]
		}
	}
	return nil
}

// ratio is one row in multiples of another, run by run.
func (f *familyResult) ratio(of, to string) (spread, bool) {
	return f.compare(of, to, (*row).figure)
}

func (f *familyResult) compare(of, to string, figure func(*row, int) float64) (spread, bool) {
	a, b := f.find(of), f.find(to)
	if a == nil || b == nil {
		return spread{}, false
	}
	var ratios []float64
	for run := range min(len(a.Runs), len(b.Runs)) {
		ratios = append(ratios, figure(a, run)/figure(b, run))
	}
	return spreadOf(ratios)
}

// value is a row's own figure over the runs.
func (f *familyResult) value(of string, figure func(*row, int) float64) (spread, bool) {
	r := f.find(of)
	if r == nil {
		return spread{}, false
	}
	var values []float64
	for run := range r.Runs {
		values = append(values, figure(r, run))
	}
	return spreadOf(values)
}

// cpuOf is a figure: the CPU time a call of these roles.
func cpuOf(roles ...string) func(*row, int) float64 {
	return func(r *row, run int) float64 {
		sum := 0.0
		for _, role := range roles {
			v, ok := r.Runs[run].CPU[role]
			if !ok {
				return math.NaN()
			}
			sum += v
		}
		return sum
	}
}

// settle computes medians and ratios once all runs are in.
func (f *familyResult) settle() {
	for i := range f.Rows {
		r := &f.Rows[i]
		r.Over = medianSample(r.Runs)
		base := f.Base
		if r.Base != "" {
			base = r.Base
		}
		if ratio, ok := f.ratio(r.Name, base); ok {
			r.Ratio = &ratio
		}
	}
}

func medianSample(runs []sample) sample {
	pick := func(figure func(sample) float64) float64 {
		var values []float64
		for _, s := range runs {
			values = append(values, figure(s))
		}
		over, _ := spreadOf(values)
		return over.Median
	}
	m := sample{
		P50:     pick(func(s sample) float64 { return s.P50 }),
		P90:     pick(func(s sample) float64 { return s.P90 }),
		P99:     pick(func(s sample) float64 { return s.P99 }),
		PerCall: pick(func(s sample) float64 { return s.PerCall }),
	}
	roles := map[string]bool{}
	for _, s := range runs {
		m.Calls += s.Calls
		for role := range s.CPU {
			roles[role] = true
		}
	}
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		if m.CPU == nil {
			m.CPU = map[string]float64{}
		}
		m.CPU[role] = pick(func(s sample) float64 { return s.CPU[role] })
	}
	return m
}

// gather fills Ratios: ours, never the peers', whose changes are not ours to
// answer for.
func (r *report) gather() {
	r.Ratios = map[string]float64{}
	for _, f := range r.Families {
		for _, row := range f.Rows {
			if row.Kind == ours && row.Ratio != nil {
				r.Ratios[f.Name+"/"+row.Name] = row.Ratio.Median
			}
		}
	}
}

// family gives a family's result by name; an empty one when it was not run.
func (r *report) family(name string) *familyResult {
	for i := range r.Families {
		if r.Families[i].Name == name {
			return &r.Families[i]
		}
	}
	return &familyResult{}
}

func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the report's directory: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func readReport(path string) (*report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the reference report: %w; it is the .tools/bench.json that `make bench` leaves, from a quiet machine", err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read the reference report %s: %w", path, err)
	}
	if r.Schema != schema {
		return nil, fmt.Errorf("the reference report %s has schema %d, this program writes %d: make it anew with `make bench`", path, r.Schema, schema)
	}
	return &r, nil
}
