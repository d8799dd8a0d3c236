package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/rpc"
)

// records is what logs and events have in common: the flags that say which of the
// daemon's records are wanted, and how those are read, once or as they come.
type records struct {
	app *app
	cmd *cobra.Command

	method, noun string // what is asked, and what it answers with
	print        func(format string, raw json.RawMessage) error

	format, since, level string
	follow               bool
	n                    int
}

// flags adds them to the command, and makes it read.
func (r *records) flags() {
	f := r.cmd.Flags()
	outputFlag(r.cmd, &r.format)
	f.BoolVarP(&r.follow, "follow", "f", false, "go on with what comes, until ctrl-C")
	f.IntVarP(&r.n, "lines", "n", 0, "the last `N` "+r.noun+" only")
	f.StringVar(&r.since, "since", "", "only what came after: a duration (5m) or a time (2026-01-02T15:04:05Z)")
	f.StringVar(&r.level, "level", "", "the least urgent `level`: debug, info, warning, error or critical")
	// The flag exists: it was made on the line above.
	_ = r.cmd.RegisterFlagCompletionFunc("level", cobra.FixedCompletions([]string{"debug", "info", "warning", "error", "critical"}, cobra.ShellCompDirectiveNoFileComp))
	r.cmd.ValidArgsFunction = r.app.completeTargets
	r.cmd.RunE = func(_ *cobra.Command, args []string) error { return r.run(args) }
}

func (r *records) run(args []string) error {
	if err := checkOutput(r.format); err != nil {
		return err
	}
	params := map[string]any{}
	if len(args) > 0 {
		if err := target(args[0], params); err != nil {
			return err
		}
	}
	if r.cmd.Flags().Changed("lines") {
		params["n"] = r.n
	}
	if r.level != "" {
		params["level"] = r.level
	}
	if r.since != "" {
		ago, err := sinceOf(r.since, time.Now())
		if err != nil {
			return err
		}
		params["since"] = ago.String()
	}
	ctx, stop := interruptible(r.cmd.Context())
	defer stop()
	if r.follow {
		return r.stream(ctx, params)
	}
	return r.once(ctx, params)
}

// once prints what the daemon remembers.
func (r *records) once(ctx context.Context, params map[string]any) error {
	var all map[string][]json.RawMessage // one member: they are named after what they are
	if _, err := r.app.askControl(ctx, r.method, params, &all); err != nil {
		return err
	}
	for _, raw := range all[r.noun] {
		if err := r.print(r.format, raw); err != nil {
			return err
		}
	}
	if len(all[r.noun]) > 0 {
		return nil
	}
	// On stderr, so that a program that reads our lines gets none.
	fits := " yet"
	if r.since != "" || r.level != "" {
		fits = " that fit"
	}
	_, err := fmt.Fprintln(r.app.err, "mochi-pyd: no "+r.noun+fits)
	return err
}

// stream prints what comes, too, until the daemon ends or ctrl-C. It does not wait
// for the next daemon: that one begins to count anew, and what it wrote before
// somebody found it again would be missing without a word.
func (r *records) stream(ctx context.Context, params map[string]any) error {
	path, err := r.app.controlPath()
	if err != nil {
		return err
	}
	conn, err := sock.Dial(ctx, path)
	if err != nil {
		return err
	}
	client := rpc.NewClientOf(conn, answerLimit)
	defer client.Close()
	params["follow"] = true
	for item, err := range client.Stream(ctx, r.method, params) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var remote *rpc.Error
		switch {
		case errors.As(err, &remote):
			return remote
		case err != nil:
			return exitf(exitUnreachable, "the daemon at %s went away: look at its log", path)
		}
		if err := r.print(r.format, item); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(r.app.err, "mochi-pyd: the daemon has ended")
	return err
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

// clock is the time of day, for a line; a day that is over is named.
func clock(t time.Time) string {
	t = t.Local()
	if time.Since(t) > 12*time.Hour {
		return t.Format("2006-01-02 15:04:05.000")
	}
	return t.Format("15:04:05.000")
}
