package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// tally counts what happened, module by module, in the order they came up.
type tally struct {
	mu     sync.Mutex
	order  []string
	rows   map[string]*row
	faults []string // what should not have happened
}

type row struct {
	took   []time.Duration // of calls that gave a result
	first  time.Duration   // the call that imported it
	failed map[string]int  // by kind
}

func newTally() *tally { return &tally{rows: map[string]*row{}} }

func (t *tally) row(module string) *row {
	r := t.rows[module]
	if r == nil {
		r = &row{failed: map[string]int{}}
		t.rows[module] = r
		t.order = append(t.order, module)
	}
	return r
}

// imported notes a module's first call, which its import is part of.
func (t *tally) imported(module string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.row(module).first = took
}

func (t *tally) answered(module string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.row(module)
	r.took = append(r.took, took)
}

func (t *tally) failed(module, kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.row(module).failed[kind]++
}

func (t *tally) fault(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

func (t *tally) errors(module, kind string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.row(module).failed[kind]
}

func (t *tally) modules() int { return len(t.order) }

func (t *tally) calls() int {
	n := 0
	for _, r := range t.rows {
		n += r.calls()
	}
	return n
}

func (r *row) calls() int {
	n := len(r.took)
	if r.first > 0 {
		n++
	}
	for _, failed := range r.failed {
		n += failed
	}
	return n
}

func (r *row) kinds() string {
	if len(r.failed) == 0 {
		return "0"
	}
	var out []string
	for kind, n := range r.failed {
		out = append(out, fmt.Sprintf("%d %s", n, kind))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func (t *tally) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "\nMODULE\tCALLS\tERRORS\tFIRST (with its import)\tP50")
	for _, module := range t.order {
		r := t.rows[module]
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", module, r.calls(), r.kinds(), shown(r.first), shown(median(r.took)))
	}
	w.Flush()
}

// verdict is nil when nothing happened that should not have.
func (t *tally) verdict() error {
	if len(t.faults) == 0 {
		return nil
	}
	return errors.New("not everything was as expected:\n  " + strings.Join(t.faults, "\n  "))
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}

// round keeps three digits or so: nobody reads nanoseconds.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}

// shown is a duration in the table; nothing was timed is a dash.
func shown(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return round(d).String()
}

func durations(ds []time.Duration) string {
	var out []string
	for _, d := range ds {
		out = append(out, round(d).String())
	}
	return strings.Join(out, ", ")
}
