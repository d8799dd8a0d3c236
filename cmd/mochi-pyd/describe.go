package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/rpc"
)

// describedExits is how many ends describe shows; -o wide shows all that the
// daemon remembers.
const describedExits = 5

func (a *app) describe() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "describe POOL[/SLOT]",
		Aliases: []string{"show", "info"},
		Short:   "settings and where each came from, exits with causes, last lines, functions",
		Long: `Show what the daemon knows of a pool, or of one of its workers: the settings and
where each came from, the workers, how the ones before them ended and what they
left behind, the last lines on stderr, and the functions. -o wide shows settings
that are at their defaults, and every exit with its stack; -o name the functions.`,
		Example: `  mochi-pyd describe numpy
  mochi-pyd describe numpy/1
  mochi-pyd show numpy -o wide
  mochi-pyd describe numpy -o json | jq '.exits[].reason'`,
		Args:              oneTarget("describe"),
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			params := map[string]any{}
			if err := target(args[0], params); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			var d described
			raw, err := a.askControl(ctx, "mochi.describe", params, &d)
			if err != nil {
				return err
			}
			switch format {
			case outJSON:
				_, err := fmt.Fprintf(a.out, "%s\n", raw)
				return err
			case outName:
				names := make([]string, len(d.Methods))
				for i, m := range d.Methods {
					names[i] = d.Pool.Pool + "." + m.Name
				}
				return a.printNames(names)
			}
			return a.printDescription(d, format == outWide)
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

// described is what the daemon answers, with its functions as we show them.
type described struct {
	daemon.Description

	Methods []describedMethod `json:"methods"`
	Skipped []struct {
		Name   string `json:"name"`
		Reason string `json:"reason"`
	} `json:"skipped"`
}

type describedMethod struct {
	Name      string  `json:"name"`
	Kind      string  `json:"kind"`
	Signature *string `json:"signature"`
	Doc       *string `json:"doc"`
}

func (a *app) printDescription(d described, wide bool) error {
	p := d.Pool
	head := fmt.Sprintf("Pool:     %s (module %s)\nStatus:   %s, %s workers ready, %d busy, %d waiting\nCalls:    %s, %s/s, p95 %s, errors %s",
		p.Pool, p.Module, p.Status, workers(p), p.Busy, p.Queue, count(p.Calls), rate(p.CallsPerSecond), ms(p.P95MS), errorsOf(p))
	if !p.Declared {
		head += "\nDeclared: no, it was imported on demand"
	}
	if p.Cause != nil {
		head += "\nCause:    " + indented(sentence(p.Cause))
		if wait, ok := nextAttempt(p.Cause); ok {
			head += fmt.Sprintf("\nNext:     a start is tried within %s; at once: mochi-pyd restart %s", wait, p.Pool)
		}
	}
	if _, err := fmt.Fprintln(a.out, plain(head)); err != nil {
		return err
	}
	a.section("Settings")
	t := newTable(a.out, "  KEY", "VALUE", "FROM")
	shown := 0
	for _, s := range d.Settings {
		if s.Origin == "default" && !wide && !slices.Contains([]string{"workers", "python", "call-timeout"}, s.Key) {
			continue
		}
		shown++
		t.row("  "+s.Key, s.Text, s.Origin)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if left := len(d.Settings) - shown; left > 0 {
		fmt.Fprintf(a.out, "  and %d at their defaults: -o wide\n", left)
	}
	a.section("Workers")
	if err := a.printWorkers(outTable, nil, daemon.Workers{Workers: d.Workers}); err != nil {
		return err
	}
	if err := a.printExits(d.Exits, wide); err != nil {
		return err
	}
	if len(d.Stderr) > 0 {
		a.section("Last lines on stderr")
		for _, l := range d.Stderr {
			fmt.Fprintf(a.out, "  %s %s  %s\n", clock(l.At), writer(l), indented(plain(l.Message)))
		}
	}
	return a.printMethods(d)
}

func (a *app) section(title string) { fmt.Fprintf(a.out, "\n%s:\n", title) }

func (a *app) printExits(exits []daemon.PastExit, wide bool) error {
	if len(exits) == 0 {
		return nil
	}
	a.section("Exits, the last one last")
	if !wide {
		exits = exits[max(0, len(exits)-describedExits):]
	}
	for i, e := range exits {
		why := lastExit(&e.ExitStatus)
		line := fmt.Sprintf("  /%d pid %d  %s, after %s and %s", e.Slot, e.PID, why, age(fromMS(e.UptimeMS)), plural(int(min(e.Calls, 1<<31)), "call")) //nolint:gosec // bounded
		if e.Reason != "exit" && e.Signal != nil && e.Reason != "signal" {
			line += " (" + *e.Signal + ")"
		}
		if e.Lost > 0 {
			line += fmt.Sprintf(", %s lost", plural(e.Lost, "call"))
		}
		switch left := leftBy(e, wide); {
		case left == "":
		case i+1 < len(exits) && left == leftBy(exits[i+1], wide):
			line += ", as the next" // a crash loop says its reason once
		default:
			line += "\n      " + strings.ReplaceAll(left, "\n", "\n      ")
		}
		if _, err := fmt.Fprintln(a.out, plain(line)); err != nil {
			return err
		}
	}
	return nil
}

// leftBy is what is known of an end beside its line: why, and the last line on
// stderr; wide the stack, too.
func leftBy(e daemon.PastExit, wide bool) string {
	parts := []string{e.Detail, e.Error}
	if len(e.StderrTail) > 0 && !e.Planned {
		parts = append(parts, daemon.LastLine(e.StderrTail))
	}
	if wide {
		parts = append(parts, e.Stack)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n")
}

// errorsOf is how many of a pool's calls failed.
func errorsOf(p daemon.PoolStatus) string {
	if p.Calls == 0 {
		return "-"
	}
	return percent(p.Errors, p.Calls) + "%"
}

// nextAttempt is how long a broken pool waits before it tries again.
func nextAttempt(cause *rpc.Error) (time.Duration, bool) {
	var data struct {
		MS *int64 `json:"next_attempt_ms"`
	}
	if json.Unmarshal(cause.Data, &data) != nil || data.MS == nil {
		return 0, false
	}
	return fromMS(*data.MS).Round(100 * time.Millisecond), true
}

func (a *app) printMethods(d described) error {
	a.section("Functions")
	if d.Silent != "" {
		_, err := fmt.Fprintf(a.out, "  not known now: %s\n", plain(d.Silent))
		return err
	}
	t := newTable(a.out, "  NAME", "KIND", "SIGNATURE")
	for _, m := range d.Methods {
		signature := "-"
		if m.Signature != nil {
			signature = *m.Signature
		}
		t.row("  "+m.Name, m.Kind, signature)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if len(d.Skipped) > 0 {
		fmt.Fprintf(a.out, "  and %d that cannot be called: -o json says why\n", len(d.Skipped))
	}
	return nil
}
