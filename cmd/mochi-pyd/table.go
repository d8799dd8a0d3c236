package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

// The words of -o.
const (
	outTable = "table"
	outWide  = "wide"
	outJSON  = "json"
	outName  = "name"
)

// outputFlag adds -o to a command that reads.
func outputFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "output", "o", outTable, "table, wide, json or name")
	// The flag exists: it was made on the line above.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outTable, outWide, outJSON, outName}, cobra.ShellCompDirectiveNoFileComp))
}

func checkOutput(format string) error {
	switch format {
	case outTable, outWide, outJSON, outName:
		return nil
	}
	return fmt.Errorf("-o must be table, wide, json or name, not %q", format)
}

// table prints columns as kubectl does: no boxes, two spaces apart.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, columns ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row(columns...)
	return t
}

func (t table) row(cells ...string) {
	for i, c := range cells {
		// A cell may come from a worker: it must not break the line.
		cells[i] = strings.Map(func(r rune) rune {
			if r == '\n' || r == '\t' || steering(r) {
				return ' '
			}
			return r
		}, c)
	}
	// The writer collects; errors come out of Flush.
	_, _ = fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t table) flush() error { return t.w.Flush() }

// age is a duration in its two largest units, or one when it is short.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// ms is a time in the unit a person would say it in.
func ms(v float64) string {
	switch {
	case v <= 0:
		return "-"
	case v < 1:
		return fmt.Sprintf("%.0fµs", v*1000)
	case v < 10:
		return fmt.Sprintf("%.1fms", v)
	case v < 1000:
		return fmt.Sprintf("%.0fms", v)
	}
	return fmt.Sprintf("%.1fs", v/1000)
}

func rate(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return humanize.Comma(int64(math.Round(v)))
}

func percent(part, whole uint64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*float64(part)/float64(whole))
}

func count(n uint64) string { return humanize.Comma(int64(min(n, math.MaxInt64))) } //nolint:gosec // bounded

func size(bytes int) string {
	if bytes <= 0 {
		return "-"
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(bytes)), " ", "")
}

func ago(t time.Time) string { return age(time.Since(t)) + " ago" }

func fromMS(v int64) time.Duration { return time.Duration(v) * time.Millisecond }
