package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/rpc"
)

func (a *app) reload() *cobra.Command {
	var wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "reload [POOL…]",
		Short: "load the code of pools anew, all of them without a name",
		Long: `Load the code of pools anew, all of them without a name. One worker after
another is replaced, each when its successor is ready: no call is refused. Code
that does not start leaves the old workers serving; --wait says why, and the
daemon's log does.`,
		Example: `  mochi-pyd reload --wait
  mochi-pyd reload numpy app`,
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			params := map[string]any{"wait": wait}
			if len(args) > 0 {
				params["pool"] = args
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			ctx, cancel := context.WithTimeoutCause(ctx, timeout, exitf(exitTimeout, "not all workers were replaced within %s; it goes on: see mochi-pyd ps", timeout))
			defer cancel()
			var done struct{ Reloaded, Reloading int }
			if _, err := a.askControl(ctx, "mochi.reload", params, &done); err != nil {
				return withTraceback(err)
			}
			if wait {
				_, err := fmt.Fprintf(a.out, "%s replaced\n", plural(done.Reloaded, "worker"))
				return err
			}
			_, err := fmt.Fprintf(a.out, "%s being replaced: see mochi-pyd ps, or use --wait\n", plural(done.Reloading, "worker"))
			return err
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "until the new workers serve")
	cmd.Flags().DurationVar(&timeout, "timeout", 5*time.Minute, "how long --wait waits")
	return cmd
}

// withTraceback adds what Python said of code that does not import: it names
// the line to mend.
func withTraceback(err error) error {
	var remote *rpc.Error
	if !errors.As(err, &remote) || remote.Kind() != rpc.KindImportFailed {
		return err
	}
	var data struct {
		Traceback string `json:"traceback"`
	}
	if json.Unmarshal(remote.Data, &data) != nil || data.Traceback == "" {
		return err
	}
	return &exit{code: remoteCode(remote), err: fmt.Errorf("%w\n%s", errors.New(sentence(remote)), strings.TrimRight(data.Traceback, "\n"))}
}
