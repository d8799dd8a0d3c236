package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

// scalePoll is how often --wait looks whether the workers are there.
const scalePoll = 50 * time.Millisecond

func (a *app) scale() *cobra.Command {
	var wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "scale POOL=N | POOL=+N | POOL=-N",
		Short: "give a pool another number of workers, until the daemon ends",
		Long: `Give a pool another number of workers. Workers that are too many take no new
calls and end when they have finished those they have. The configuration is not
changed: put the number there, too, if it is to stay.`,
		Example: `  mochi-pyd scale numpy=4
  mochi-pyd scale numpy=+2 --wait
  mochi-pyd scale numpy=-1`,
		Args: wants("POOL=N, POOL=+N or POOL=-N"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			pools, directive := a.completePools(cmd, args, word)
			for i := range pools {
				pools[i] += "="
			}
			return pools, directive | cobra.ShellCompDirectiveNoSpace
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			params, err := scaleOf(args[0])
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			var s daemon.Scaled
			if _, err := a.askControl(ctx, "mochi.scale", params, &s); err != nil {
				return err
			}
			if wait {
				if err := a.awaitScale(ctx, s, timeout); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(a.out, "%s: %d → %s\n", s.Pool, s.Was, plural(s.Workers, "worker"))
			return err
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "until so many are ready, and the others gone")
	timeoutFlag(cmd, &timeout, 5*time.Minute, "how long --wait waits")
	return cmd
}

// scaleOf reads POOL=N, POOL=+N or POOL=-N.
func scaleOf(word string) (map[string]any, error) {
	pool, number, ok := strings.Cut(word, "=")
	n, err := strconv.Atoi(number)
	switch {
	case !ok || pool == "" || err != nil:
		return nil, fmt.Errorf("%q is no POOL=N, POOL=+N or POOL=-N", word)
	case strings.HasPrefix(number, "+") || strings.HasPrefix(number, "-"):
		return map[string]any{"pool": pool, "by": n}, nil
	}
	return map[string]any{"pool": pool, "workers": n}, nil
}

// awaitScale waits until a pool has as many workers as it is to have.
func (a *app) awaitScale(ctx context.Context, want daemon.Scaled, timeout time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, exitf(exitTimeout, "%s has not %s yet after %s; it goes on: see mochi-pyd ps", want.Pool, plural(want.Workers, "ready worker"), timeout))
	defer cancel()
	tick := time.NewTicker(scalePoll)
	defer tick.Stop()
	for {
		var w daemon.Workers
		if _, err := a.askControl(ctx, "mochi.workers", map[string]any{"pool": want.Pool}, &w); err != nil {
			return err
		}
		serving, ready := 0, 0
		for _, worker := range w.Workers {
			if worker.State == "spare" {
				continue
			}
			serving++
			if worker.State == "ready" {
				ready++
			}
		}
		if ready == want.Workers && serving == want.Workers {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
