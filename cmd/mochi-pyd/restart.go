package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/rpc"
)

// completeTimeout bounds how long the shell waits for a completion.
const completeTimeout = time.Second

func (a *app) restart() *cobra.Command {
	var all, hard, wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "restart POOL[/SLOT] | --all",
		Short: "replace workers, each successor ready before the old one goes",
		Long: `Replace the workers of a pool, one of them, or those of all pools, one after
another: each goes when its successor is ready and what it runs is finished, so
that no call is refused. With --hard they are killed now, and the calls that they
ran fail with worker_lost. A pool that is broken is started at once, however long
it would have waited. --wait says how it went.`,
		Example: `  mochi-pyd restart numpy
  mochi-pyd restart numpy/1 --hard
  mochi-pyd restart --all --wait`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return errors.New("--all is every pool: leave the name out")
			case !all && len(args) != 1:
				return errors.New("restart needs one POOL or POOL/SLOT, or --all")
			}
			return nil
		},
		ValidArgsFunction: a.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			params := map[string]any{"hard": hard, "wait": wait}
			if !all {
				if err := target(args[0], params); err != nil {
					return err
				}
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			ctx, cancel := context.WithTimeoutCause(ctx, timeout, exitf(exitTimeout, "not all workers were replaced within %s; it goes on: see mochi-pyd ps", timeout))
			defer cancel()
			var done struct{ Restarted, Restarting int }
			if _, err := a.askControl(ctx, "mochi.restart", params, &done); err != nil {
				return ofOthers(err, all)
			}
			if wait {
				_, err := fmt.Fprintf(a.out, "%s replaced\n", plural(done.Restarted, "worker"))
				return err
			}
			return a.beingReplaced(done.Restarting)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every pool")
	cmd.Flags().BoolVar(&hard, "hard", false, "kill now, do not wait for calls")
	cmd.Flags().BoolVar(&wait, "wait", false, "until the successors are ready")
	timeoutFlag(cmd, &timeout, 5*time.Minute, "how long --wait waits")
	return cmd
}

// target reads POOL[/SLOT].
func target(word string, params map[string]any) error {
	pool, slot, has := strings.Cut(word, "/")
	params["pool"] = pool
	if !has {
		return nil
	}
	n, err := strconv.Atoi(slot)
	if err != nil || n < 0 || pool == "" {
		return fmt.Errorf("%q is no POOL/SLOT: slots are numbers from 0", word)
	}
	params["slot"] = n
	return nil
}

// ofOthers adds to what one pool's failure says that it was not all pools'.
func ofOthers(err error, all bool) error {
	var remote *rpc.Error
	if !all || !errors.As(err, &remote) {
		return err
	}
	return &exit{code: remoteCode(remote), err: fmt.Errorf("%w\n  hint: pools that are not named here are through: mochi-pyd ps shows it", errors.New(sentence(remote)))}
}

// beingReplaced says what goes on behind whoever does not wait.
func (a *app) beingReplaced(n int) error {
	if _, err := fmt.Fprintf(a.out, "%s being replaced\n", plural(n, "worker")); err != nil {
		return err
	}
	if n == 0 {
		return a.noPools()
	}
	_, err := fmt.Fprintln(a.err, "it goes on: mochi-pyd ps shows how far it is; --wait tells how it went")
	return err
}

// noPools says what an empty table does not.
func (a *app) noPools() error {
	_, err := fmt.Fprintln(a.err, "there is no pool yet: declare one in the configuration, or call a module, as in mochi-pyd call math.pi")
	return err
}
