package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/cells"
	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func (a *app) status() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "how the daemon and its pools are",
		Long: `Show one line per pool, and one that sums up. The exit code is 3 while the
daemon drains, or a declared pool has no ready worker or is paused.`,
		Example: `  mochi-pyd status
  mochi-pyd status -o json | jq '.pools[] | select(.status != "open")'`,
		Args: takesNothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			var s daemon.Status
			raw, err := a.askControl(ctx, "mochi.status", nil, &s)
			if err != nil {
				return err
			}
			if err := a.printStatus(format, raw, s); err != nil {
				return err
			}
			if reason := notReady(s); reason != "" {
				return exitf(exitNotReady, "not ready: %s", reason)
			}
			if len(s.Pools) == 0 {
				return a.noPools()
			}
			return nil
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

func (a *app) printStatus(format string, raw []byte, s daemon.Status) error {
	switch format {
	case outJSON:
		_, err := fmt.Fprintf(a.out, "%s\n", raw)
		return err
	case outName:
		names := make([]string, len(s.Pools))
		for i, p := range s.Pools {
			names[i] = p.Pool
		}
		return a.printNames(names)
	}
	columns := []string{"POOL", "STATUS", "WORKERS", "BUSY", "QUEUE", "CALLS/S", "P95", "ERR%", "RESTARTS", "AGE"}
	if format == outWide {
		columns = append(columns, "MODULE", "CALLS", "CAUSE")
	}
	t := newTable(a.out, columns...)
	for _, p := range s.Pools {
		row := []string{
			p.Pool, p.Status, workers(p), fmt.Sprint(p.Busy), fmt.Sprint(p.Queue),
			rate(p.CallsPerSecond), ms(p.P95MS), percent(p.Errors, p.Calls), fmt.Sprint(p.Restarts), age(fromMS(p.AgeMS)),
		}
		if format == outWide {
			cause := "-"
			if p.Cause != nil {
				cause = p.Cause.Message
			}
			row = append(row, p.Module, count(p.Calls), cause)
		}
		t.row(row...)
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out, summary(s))
	return err
}

func workers(p daemon.PoolStatus) string { return cells.Workers(p) }

func summary(s daemon.Status) string {
	ready, desired := 0, 0
	for _, p := range s.Pools {
		ready += p.WorkersReady
		desired += p.WorkersDesired
	}
	line := fmt.Sprintf("mochi-pyd %s, pid %d, %s for %s: %s, %d of %d workers ready, %s",
		s.Daemon.Version, s.Daemon.PID, s.Daemon.Status, age(fromMS(s.Daemon.UptimeMS)),
		plural(len(s.Pools), "pool"), ready, desired, plural(s.Daemon.Connections, "host"))
	if s.Daemon.ConfigDiffers {
		line += "; " + s.Daemon.Config + " has changed since it was read: mochi-pyd reload applies it, mochi-pyd config diff shows what"
	}
	if len(s.Daemon.ConfigPending) > 0 {
		line += "; not in force of what it says: " + strings.Join(s.Daemon.ConfigPending, ", ") + " (mochi-pyd config diff)"
	}
	return line
}

func plural(n int, noun string) string { return cells.Plural(n, noun) }

// notReady says why a load balancer should not send calls; imports that hosts
// asked for and that failed are their own trouble.
func notReady(s daemon.Status) string {
	if s.Daemon.Status != "serving" {
		return "the daemon is " + s.Daemon.Status
	}
	var without, opening, paused []string
	for _, p := range s.Pools {
		if p.Declared && p.Status == "paused" {
			paused = append(paused, p.Pool)
		} else if p.Declared && p.WorkersReady == 0 && p.Status == "opening" {
			opening = append(opening, p.Pool)
		} else if p.Declared && p.WorkersReady == 0 {
			without = append(without, p.Pool)
		}
	}
	var why []string
	if len(without) > 0 {
		why = append(why, "no worker of "+strings.Join(without, ", ")+" is ready: mochi-pyd status -o wide says why")
	}
	if len(paused) > 0 {
		why = append(why, strings.Join(paused, ", ")+" is paused: mochi-pyd resume has it take calls again")
	}
	if len(why) > 0 {
		return strings.Join(why, "; ")
	}
	if len(opening) > 0 {
		return "no worker of " + strings.Join(opening, ", ") + " is ready yet: mochi-pyd ps shows how they start"
	}
	return ""
}
