package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/rpc"
)

func (a *app) shutdown() *cobra.Command {
	var now, wait bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "shutdown",
		Short: "end the daemon: finish what runs, refuse what waits",
		Long: `End the daemon as SIGTERM does: what runs is finished, within each pool's
graceful-timeout, and what waits is refused. --now kills the workers at once; the
calls that they ran are told so. Under a service manager that starts it again, stop
the service instead.`,
		Example: `  mochi-pyd shutdown --wait
  mochi-pyd shutdown --now`,
		Args: takesNothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := a.controlPath()
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			conn, err := sock.Dial(ctx, path)
			if err != nil {
				return err
			}
			client := rpc.NewClientOf(conn, answerLimit)
			defer client.Close()
			if err := client.Call(ctx, "mochi.drain", map[string]bool{"now": now}, nil); err != nil {
				return err
			}
			if !wait {
				if _, err := fmt.Fprintln(a.out, "the daemon is ending"); err != nil {
					return err
				}
				hint := "mochi-pyd status shows that it drains; --wait tells when it has ended, --now cuts it short"
				if now {
					hint = "--wait tells when it has ended"
				}
				_, err := fmt.Fprintln(a.err, hint)
				return err
			}
			ctx, cancel := context.WithTimeoutCause(ctx, timeout, exitf(exitTimeout, "the daemon has not ended within %s; it goes on: mochi-pyd shutdown --now cuts it short", timeout))
			defer cancel()
			select {
			case <-client.Closed(): // the last thing that it does
				_, err := fmt.Fprintln(a.out, "the daemon has ended")
				return err
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "kill the workers, do not wait for calls")
	cmd.Flags().BoolVar(&wait, "wait", false, "until it has ended")
	timeoutFlag(cmd, &timeout, 5*time.Minute, "how long --wait waits")
	return cmd
}
