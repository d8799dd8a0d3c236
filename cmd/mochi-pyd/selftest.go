package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/selftest"
)

// smoke is how long the self-test lasts when nobody says how long.
const smoke = 3 * time.Second

// maxSeed keeps a seed short enough to be typed.
const maxSeed = 1_000_000

func (a *app) selftest() *cobra.Command {
	var o selftest.Options
	var log string
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "put a throw-away daemon through chaos, and count what came of it",
		Long: `Start a daemon of its own, call it from several hosts, and meanwhile kill and
stop its workers, crash them from within, flood, fork, hang up and send garbage.
Then print what was promised and whether it was kept; the exit code is 1 when
something was not. No other daemon is touched.`,
		Example: `  mochi-pyd selftest
  mochi-pyd selftest --chaos 60s
  mochi-pyd selftest --chaos 60s --seed 4711 --log daemon.log`,
		Args: takesNothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Chaos <= 0 {
				return fmt.Errorf("--chaos wants a duration over 0, not %s", o.Chaos)
			}
			if !cmd.Flags().Changed("seed") {
				o.Seed = rand.Uint64N(maxSeed) //nolint:gosec // a choice, no secret
			}
			return a.runSelftest(cmd, o, log)
		},
	}
	cmd.Flags().DurationVar(&o.Chaos, "chaos", smoke, "how long the chaos lasts")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 0, "of all choices (default: a random one, which is printed)")
	cmd.Flags().IntVar(&o.Workers, "workers", selftest.DefaultWorkers, "workers of each of the two pools under fire")
	cmd.Flags().StringVar(&o.Python, "python", "python3", "the workers' interpreter, a path or a name on PATH")
	cmd.Flags().StringVar(&log, "log", "", "a `file` that gets the daemon's log")
	return cmd
}

func (a *app) runSelftest(cmd *cobra.Command, o selftest.Options, log string) error {
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	var err error
	if o.Binary, err = os.Executable(); err != nil {
		return exitf(exitFailed, "find the own program: %w", err)
	}
	o.Out, o.Log = a.out, io.Discard
	if log != "" {
		f, err := os.Create(log)
		if err != nil {
			return exitf(exitFailed, "the daemon's log: %w", err)
		}
		defer f.Close()
		o.Log = f
	}
	fmt.Fprintf(a.out, "chaos for %s, seed %d, 2 pools of %d workers under fire and 1 beside them\n", o.Chaos, o.Seed, o.Workers)
	report, err := selftest.Run(ctx, o)
	if err != nil {
		return exitf(exitFailed, "the self-test could not be done: %w", err)
	}
	if err := report.Print(a.out); err != nil {
		return exitf(exitFailed, "print the table: %w", err)
	}
	if !report.OK() {
		return &exit{code: exitFailed, err: errors.New("a promise was broken"), quiet: true}
	}
	return nil
}
