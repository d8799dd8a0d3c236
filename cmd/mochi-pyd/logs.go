package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func (a *app) logs() *cobra.Command {
	var format, since, level string
	var follow bool
	var n int
	cmd := &cobra.Command{
		Use:   "logs POOL[/SLOT]",
		Short: "what a pool's workers wrote: a traceback is one record",
		Long: `Show what a pool's workers printed and logged, oldest first. The daemon
remembers the last 2,000 records of each pool, 4 MiB at most; its own log has
them all. A traceback is one record, however many lines it has.`,
		Example: `  mochi-pyd logs numpy
  mochi-pyd logs -f numpy/1 --level warning
  mochi-pyd logs numpy --since 5m -n 100
  mochi-pyd logs numpy -o json | jq -r 'select(.request_id == "7") | .message'`,
		Args:              oneTarget("logs"),
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			params := map[string]any{}
			if err := target(args[0], params); err != nil {
				return err
			}
			if cmd.Flags().Changed("lines") {
				params["n"] = n
			}
			if level != "" {
				params["level"] = level
			}
			if since != "" {
				ago, err := sinceOf(since, time.Now())
				if err != nil {
					return err
				}
				params["since"] = ago.String()
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return a.readRecords(ctx, "mochi.logs", follow, params, func(raw json.RawMessage) error {
				return a.printLog(format, raw)
			})
		},
	}
	outputFlag(cmd, &format)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes, until ctrl-C")
	cmd.Flags().IntVarP(&n, "lines", "n", 0, "the last `N` records only")
	cmd.Flags().StringVar(&since, "since", "", "only what came after: a duration (5m) or a time (2026-01-02T15:04:05Z)")
	cmd.Flags().StringVar(&level, "level", "", "the least urgent `level`: debug, info, warning, error or critical")
	// The flag exists: it was made on the line above.
	_ = cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions([]string{"debug", "info", "warning", "error", "critical"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// readRecords gives each record that a method answers with, or, following it,
// streams.
func (a *app) readRecords(ctx context.Context, method string, follow bool, params map[string]any, take func(json.RawMessage) error) error {
	if follow {
		return a.follow(ctx, method, params, take)
	}
	var all struct{ Records, Events []json.RawMessage }
	if _, err := a.askControl(ctx, method, params, &all); err != nil {
		return err
	}
	for _, raw := range append(all.Records, all.Events...) {
		if err := take(raw); err != nil {
			return err
		}
	}
	return nil
}

// sinceOf reads a duration, or a time as how long ago it was: the daemon's clock
// is ours, and may be set.
func sinceOf(word string, now time.Time) (time.Duration, error) {
	if d, err := time.ParseDuration(word); err == nil && d >= 0 {
		return d, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, word, time.Local); err == nil {
			return max(now.Sub(t), 0), nil
		}
	}
	return 0, fmt.Errorf("--since wants a duration, as in 5m, or a time, as in 2026-01-02T15:04:05Z, not %q", word)
}

func (a *app) printLog(format string, raw json.RawMessage) error {
	var l daemon.LogLine
	if err := json.Unmarshal(raw, &l); err != nil {
		return err
	}
	var text string
	switch format {
	case outJSON:
		text = string(raw)
	case outName:
		text = writer(l)
	default:
		head := fmt.Sprintf("%s %s %s", clock(l.At), writer(l), level(l.Level))
		if format == outWide {
			head += fmt.Sprintf(" pid=%d %s", l.PID, l.Stream)
			for _, pair := range [][2]string{{"logger", l.Logger}, {"id", l.RequestID}, {"function", l.Function}, {"trace", l.TraceID}} {
				if pair[1] != "" {
					head += " " + pair[0] + "=" + pair[1]
				}
			}
		}
		if l.Dropped > 0 {
			head += fmt.Sprintf(" (%d lines dropped before)", l.Dropped)
		}
		text = head + "  " + indented(plain(l.Message))
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}

// writer is who wrote a record: a worker, the process that forks a pool's workers,
// or the daemon, which speaks of the whole pool.
func writer(l daemon.LogLine) string {
	switch {
	case l.Stream == "daemon":
		return l.Pool
	case l.Slot < 0:
		return l.Pool + "/preload"
	}
	return fmt.Sprintf("%s/%d", l.Pool, l.Slot)
}

// clock is the time of day, for a line; a day that is over is named.
func clock(t time.Time) string {
	t = t.Local()
	if time.Since(t) > 12*time.Hour {
		return t.Format("2006-01-02 15:04:05.000")
	}
	return t.Format("15:04:05.000")
}

// level is a level in as many letters as the longest common one.
func level(word string) string {
	switch word {
	case "warning", "warn":
		return "WARN "
	case "critical":
		return "CRIT "
	}
	return fmt.Sprintf("%-5s", strings.ToUpper(word))
}

// indented sets the lines of a record that follow its first under it.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}

// oneTarget wants one POOL or POOL/SLOT.
func oneTarget(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s needs one POOL or POOL/SLOT", command)
		}
		return nil
	}
}
