package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/rpc"
)

// reload is two things under one word, as they are one thing to whoever types
// it: "the disk has changed, see to it". Without a name it is the configuration,
// which is what a service manager's reload means and which itself says what has
// to be touched; code says nothing of the kind, so it is reloaded where a pool
// is named, or --all of them are. Rejected: a command of its own for the code
// ("restart" is one already, and does not keep the old code when the new one
// does not start), and --config for the configuration, which is a persistent
// flag with a file's name.
func (a *app) reload() *cobra.Command {
	var wait, all bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "reload [POOL… | --all]",
		Short: "read the configuration again; or, of pools that are named, load the code anew",
		Long: `Without a name: read the configuration again, print what that changes, and
touch nothing else. Settings that can change while a pool serves do; the others
have its workers replaced one after another; pools that are new start, and those
that are gone drain. A file that is wrong changes nothing, and the exit code is
78. SIGHUP does the same.

With the names of pools, or --all: load their code anew. One worker after another
is replaced, each when its successor is ready: no call is refused. Code that does
not start leaves the old workers serving. A daemon without a configuration file
has nothing but code to reload: there, no name means all.

--wait says how it went, and so does the daemon's log.`,
		Example: `  mochi-pyd reload --wait
  mochi-pyd reload numpy app
  mochi-pyd reload --all --wait`,
		ValidArgsFunction: a.completeMorePools,
		Args: func(_ *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return errors.New("--all is every pool: leave the names out")
			}
			if slices.Contains(args, "") { // of a shell's variable that is not set: not every pool
				return errors.New("a pool's name is empty: write POOL, or --all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			params := map[string]any{"wait": wait}
			switch {
			case all:
				params["code"] = true
			case len(args) > 0:
				params["pool"] = args
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			ctx, cancel := context.WithTimeoutCause(ctx, timeout, exitf(exitTimeout, "not all workers were replaced within %s; it goes on: see mochi-pyd ps", timeout))
			defer cancel()
			var done daemon.Reconfigured
			if _, err := a.askControl(ctx, "mochi.reload", params, &done); err != nil {
				return a.wrongConfig(err)
			}
			return a.printReload(done, wait)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the code of every pool")
	cmd.Flags().BoolVar(&wait, "wait", false, "until the new workers serve")
	timeoutFlag(cmd, &timeout, 5*time.Minute, "how long --wait waits")
	return cmd
}

func (a *app) printReload(done daemon.Reconfigured, wait bool) error {
	if done.Text != "" {
		if _, err := fmt.Fprintln(a.out, done.Text); err != nil {
			return err
		}
		if done.Reloading == 0 && done.Reloaded == 0 {
			return nil
		}
	}
	if wait {
		_, err := fmt.Fprintf(a.out, "%s replaced\n", plural(done.Reloaded, "worker"))
		return err
	}
	return a.beingReplaced(done.Reloading)
}

// wrongConfig prints what is wrong with the daemon's file as check does: the
// place comes first, for editors that jump there. Other errors are given back.
func (a *app) wrongConfig(err error) error {
	var remote *rpc.Error
	if !errors.As(err, &remote) || remote.Kind() != rpc.KindInvalidParams {
		return err
	}
	var data struct {
		Argument string `json:"argument"`
	}
	if json.Unmarshal(remote.Data, &data) != nil || data.Argument != "config" {
		return err
	}
	fmt.Fprintln(a.err, plain(remote.Message))
	return &exit{code: exitConfig, err: err, quiet: true}
}
