package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func (a *app) ps() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "ps [POOL]",
		Aliases: []string{"workers", "ls", "list"},
		Short:   "every worker: how its predecessor ended, and what it does now",
		Example: `  mochi-pyd ps
  mochi-pyd ps numpy -o wide`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			var params any
			if len(args) > 0 {
				params = map[string]string{"pool": args[0]}
			}
			var w daemon.Workers
			raw, err := a.askControl(ctx, "mochi.workers", params, &w)
			if err != nil {
				return err
			}
			return a.printWorkers(format, raw, w)
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

func (a *app) printWorkers(format string, raw []byte, all daemon.Workers) error {
	switch format {
	case outJSON:
		_, err := fmt.Fprintf(a.out, "%s\n", raw)
		return err
	case outName:
		for _, w := range all.Workers {
			fmt.Fprintln(a.out, workerName(w))
		}
		return nil
	}
	columns := []string{"WORKER", "PID", "STATE", "AGE", "CALLS", "RESTARTS", "CPU%", "MEM", "LAST-EXIT", "NOW"}
	if format == outWide {
		columns = append(columns, "GEN", "PYTHON", "SLOT", "LAST-LINE")
	}
	t := newTable(a.out, columns...)
	for _, w := range all.Workers {
		cells := []string{workerName(w), "-", w.State, "-", "-", fmt.Sprint(w.Restarts), "-", "-", lastExit(w.LastExit), now(w.Now)}
		if w.PID != 0 {
			cells[1], cells[3], cells[4] = fmt.Sprint(w.PID), age(fromMS(w.AgeMS)), count(w.Calls)
			cells[6], cells[7] = fmt.Sprintf("%.1f", w.CPUPercent), size(w.RSSBytes)
		}
		if format == outWide {
			line := "-"
			if w.LastExit != nil && len(w.LastExit.StderrTail) > 0 {
				line = w.LastExit.StderrTail[len(w.LastExit.StderrTail)-1]
			}
			cells = append(cells, fmt.Sprint(w.Generation), orDash(w.Python), w.SlotState, line)
		}
		t.row(cells...)
	}
	return t.flush()
}

func workerName(w daemon.WorkerStatus) string { return fmt.Sprintf("%s/%d", w.Pool, w.Slot) }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// lastExit says why and when: "SIGSEGV 5s ago", "exit 3 2m1s ago".
func lastExit(e *daemon.ExitStatus) string {
	if e == nil {
		return "-"
	}
	why := e.Reason
	switch {
	case e.Reason == "signal" && e.Signal != nil:
		why = *e.Signal
	case e.Reason == "exit" && e.ExitCode != nil:
		why = fmt.Sprintf("exit %d", *e.ExitCode)
	}
	return why + " " + ago(e.At)
}

// now is the function and for how long, or how many coroutines.
func now(n *daemon.Now) string {
	switch {
	case n == nil:
		return "-"
	case n.Coroutines > 0:
		return fmt.Sprintf("%d coroutines", n.Coroutines)
	}
	return strings.TrimSpace(n.Function + " " + ms(float64(max(n.RunningMS, 1))))
}
