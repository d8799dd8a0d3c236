package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/config"
)

func (a *app) check() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "say what is wrong with a configuration file, and where",
		Long: `Read a configuration file, FILE or that of --config, and say what is wrong with
it: each mistake with its line and column, a caret under it, and the nearest
word that would have been right. The exit code is then 78. What is well-formed
and will probably not do on this machine, for this user, is a warning.`,
		Example: `  mochi-pyd check /etc/mochi-pyd/config.toml
  mochi-pyd check --strict mochi.toml && mochi-pyd reload --wait`,
		Args:        mayTake("FILE"),
		Annotations: map[string]string{readsConfig: "yes"},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(_ *cobra.Command, args []string) error {
			file := a.config
			if len(args) > 0 {
				file = args[0]
			}
			if file == "" {
				return errors.New("check needs a FILE, or --config")
			}
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			warnings := c.Warnings()
			for _, w := range warnings {
				w.Message = "warning: " + w.Message
				fmt.Fprintln(a.err, plain(w.Error()))
			}
			if strict && len(warnings) > 0 {
				return &exit{code: exitConfig, err: errors.New("warnings"), quiet: true}
			}
			_, err = fmt.Fprintf(a.out, "%s is well-formed: %s, %s\n", file, plural(len(c.Pools()), "pool"), plural(len(warnings), "warning"))
			return err
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "a warning is a mistake")
	return cmd
}
