package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/daemon"
)

// What the shell completes is asked of the daemon, which may be away: then there
// is nothing to offer, and nothing is said of it.

// completePools offers the live pools.
func (a *app) completePools(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.livePools(cmd), cobra.ShellCompDirectiveNoFileComp
}

// completeMorePools offers the live pools that are not named yet.
func (a *app) completeMorePools(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	pools := slices.DeleteFunc(a.livePools(cmd), func(pool string) bool { return slices.Contains(args, pool) })
	return pools, cobra.ShellCompDirectiveNoFileComp
}

// completeTargets offers pools, and the workers of the one that is named before
// the slash.
func (a *app) completeTargets(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) > 0:
		return nil, cobra.ShellCompDirectiveNoFileComp
	case strings.Contains(word, "/"):
		return a.completeWorkers(cmd, args, word)
	}
	return a.livePools(cmd), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeWorkers offers the live workers, with what they do now.
func (a *app) completeWorkers(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	var all daemon.Workers
	if _, err := a.askControl(ctx, "mochi.workers", nil, &all); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, w := range all.Workers {
		about := w.State
		if w.Now != nil {
			about += ", " + plain(now(w.Now))
		}
		names = append(names, workerName(w)+"\t"+about)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeFunctions offers pools, and behind the dot what they can be called for.
func (a *app) completeFunctions(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	pools := a.livePools(cmd)
	var names []string
	for _, pool := range pools {
		if !strings.HasPrefix(word, pool+".") {
			names = append(names, pool+".")
			continue
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
		var d described
		_, err := a.askControl(ctx, "mochi.describe", map[string]any{"pool": pool}, &d)
		cancel()
		if err != nil {
			continue
		}
		names = nil
		for _, m := range d.Methods {
			about := m.Kind
			if m.Signature != nil {
				about = *m.Signature
			}
			names = append(names, pool+"."+m.Name+"\t"+plain(about))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func (a *app) livePools(cmd *cobra.Command) []string {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	var s daemon.Status
	if _, err := a.askControl(ctx, "mochi.status", nil, &s); err != nil {
		return nil
	}
	var names []string
	for _, p := range s.Pools {
		names = append(names, p.Pool)
	}
	return names
}
