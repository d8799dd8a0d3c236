package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// print writes the report for a person.
func (r *report) print(w io.Writer) {
	m := r.Machine
	fmt.Fprintf(w, "%d cores, %s, %s, %s, %s", m.Cores, m.CPU, m.Kernel, m.Go, m.Python)
	if m.Node != "" {
		fmt.Fprintf(w, ", Node %s", m.Node)
	}
	fmt.Fprintf(w, "\nmedians of %d interleaved runs; × is the ratio to the family's base in the same run, with the least and the most of the runs\n", r.Runs)
	for i := range r.Families {
		r.Families[i].print(w)
	}
}

func (f *familyResult) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s", strings.ToUpper(f.Name), f.About)
	if f.Base != "" {
		fmt.Fprintf(w, " (base: %s)", f.Base)
	}
	fmt.Fprintln(w)
	calls := slices.ContainsFunc(f.Rows, func(r row) bool { return r.Over.PerCall > 0 })
	fmt.Fprintf(w, "  %-44s %10s %10s %10s", "", "p50 "+f.Unit, "p90", "p99")
	if calls {
		fmt.Fprintf(w, " %10s", "calls/s")
	}
	fmt.Fprintf(w, "  %-22s", "×")
	if calls {
		fmt.Fprint(w, "  CPU µs/call")
	}
	fmt.Fprintln(w)
	for _, row := range f.Rows {
		row.print(w, calls)
	}
	for _, m := range f.Missing {
		fmt.Fprintf(w, "  %-44s %s\n", m.Name, m.Reason)
	}
}

func (r *row) print(w io.Writer, calls bool) {
	s := r.Over
	name := r.Name
	if r.Unit != "" {
		name += ", " + r.Unit
	}
	fmt.Fprintf(w, "  %-44s %10s %10s %10s", name, figure(s.P50), figure(s.P90), figure(s.P99))
	if calls {
		rate := ""
		if s.PerCall > 0 {
			rate = fmt.Sprintf("%.0f", 1e6/s.PerCall)
		}
		fmt.Fprintf(w, " %10s", rate)
	}
	ratio := ""
	if r.Ratio != nil {
		ratio = r.Ratio.String()
	}
	fmt.Fprintf(w, "  %-22s", ratio)
	for _, role := range slices.Sorted(maps.Keys(s.CPU)) {
		fmt.Fprintf(w, "  %s %.1f", role, s.CPU[role])
	}
	fmt.Fprintln(w)
}

func (s spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", digits(s.Median), digits(s.Least), digits(s.Most))
}

// figure is nothing where nothing was measured.
func figure(v float64) string {
	if v == 0 {
		return ""
	}
	return digits(v)
}

// digits prints the three that matter.
func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
