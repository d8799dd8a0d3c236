package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/cells"
	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func (a *app) ps() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "ps [POOL[/SLOT]]",
		Aliases: []string{"workers", "ls", "list"},
		Short:   "every worker: how its predecessor ended, and what it does now",
		Example: `  mochi-pyd ps
  mochi-pyd ps numpy -o wide
  mochi-pyd ps numpy/1`,
		Args:              mayTake("POOL or POOL/SLOT"),
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			params := map[string]any{}
			if len(args) > 0 {
				if err := target(args[0], params); err != nil {
					return err
				}
			}
			slot, one := params["slot"]
			delete(params, "slot") // the daemon answers for a pool
			var w daemon.Workers
			raw, err := a.askControl(ctx, "mochi.workers", params, &w)
			if err != nil {
				return err
			}
			if one {
				if w.Workers = slices.DeleteFunc(w.Workers, func(s daemon.WorkerStatus) bool { return s.Slot != slot }); len(w.Workers) == 0 {
					return exitf(exitNoSuch, "pool %s has no worker %d: mochi-pyd ps %s shows those it has", params["pool"], slot, params["pool"])
				}
				if raw, err = json.Marshal(w); err != nil {
					return err
				}
			}
			if err := a.printWorkers(format, raw, w); err != nil || len(w.Workers) > 0 {
				return err
			}
			return a.noPools()
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
		names := make([]string, len(all.Workers))
		for i, w := range all.Workers {
			names[i] = workerName(w)
		}
		return a.printNames(names)
	}
	columns := []string{"WORKER", "PID", "STATE", "AGE", "CALLS", "RESTARTS", "CPU%", "MEM", "LAST-EXIT", "NOW"}
	if format == outWide {
		columns = append(columns, "GEN", "PYTHON", "SLOT", "LAST-LINE")
	}
	t := newTable(a.out, columns...)
	for _, w := range all.Workers {
		row := []string{workerName(w), "-", w.State, "-", "-", fmt.Sprint(w.Restarts), "-", "-", lastExit(w.LastExit), now(w.Now)}
		if w.PID != 0 {
			row[1], row[3], row[4] = fmt.Sprint(w.PID), age(fromMS(w.AgeMS)), count(w.Calls)
			row[6], row[7] = fmt.Sprintf("%.1f", w.CPUPercent), size(w.RSSBytes)
		}
		if format == outWide {
			line := "-"
			if w.LastExit != nil && len(w.LastExit.StderrTail) > 0 {
				line = daemon.LastLine(w.LastExit.StderrTail)
			}
			row = append(row, fmt.Sprint(w.Generation), orDash(w.Python), w.SlotState, line)
		}
		t.row(row...)
	}
	return t.flush()
}

func workerName(w daemon.WorkerStatus) string { return cells.Worker(w) }

func orDash(s string) string { return cells.OrNone(s) }

func lastExit(e *daemon.ExitStatus) string { return cells.LastExit(e) }

func now(n *daemon.Now) string { return cells.Now(n) }
