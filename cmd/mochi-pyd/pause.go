package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func (a *app) pause() *cobra.Command {
	return a.pauseOrResume("pause", "have a pool take no calls: those that run are finished, others are refused", "mochi.pause", "paused")
}

func (a *app) resume() *cobra.Command {
	return a.pauseOrResume("resume", "have a paused pool take calls again", "mochi.resume", "resumed")
}

func (a *app) pauseOrResume(verb, short, method, done string) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " POOL",
		Short:             short,
		Example:           "  mochi-pyd " + verb + " numpy",
		Args:              wants("POOL"),
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			var p daemon.Paused
			if _, err := a.askControl(ctx, method, map[string]any{"pool": args[0]}, &p); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.out, "%s %s\n", p.Pool, done)
			return err
		},
	}
}
