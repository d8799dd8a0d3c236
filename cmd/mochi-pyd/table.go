package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/cells"
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

// printNames is what -o name prints: one a line, for the next command of a pipe.
func (a *app) printNames(names []string) error {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(plain(name) + "\n")
	}
	_, err := a.out.WriteString(b.String())
	return err
}

// table prints columns as kubectl does: no boxes, two spaces apart.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, columns ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row(columns...)
	return t
}

func (t table) row(row ...string) {
	for i, c := range row {
		row[i] = cells.Line(c) // it may come from a worker
	}
	// The writer collects; errors come out of Flush.
	_, _ = fmt.Fprintln(t.w, strings.Join(row, "\t"))
}

func (t table) flush() error { return t.w.Flush() }

// What a cell says, the live view says too.
var (
	age     = cells.Age
	ms      = cells.MS
	rate    = cells.Rate
	percent = cells.Percent
	count   = cells.Count
	size    = cells.Size
	fromMS  = cells.FromMS
)
