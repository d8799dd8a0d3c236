package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/tomldoc"
)

func (a *app) check() *cobra.Command {
	var strict bool
	var format string
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "say what is wrong with a configuration file, and where",
		Long: `Read a configuration file, FILE or that of --config, and say what is wrong with
it: each mistake with its line and column, a caret under it, and the nearest
word that would have been right. The exit code is then 78. What is well-formed
and will probably not do on this machine, for this user, is a warning. -o json
prints both kinds as a list, and -o name their places.`,
		Example: `  mochi-pyd check /etc/mochi-pyd/config.toml
  mochi-pyd check --strict mochi.toml && mochi-pyd reload --wait
  mochi-pyd check -o json mochi.toml | jq '.problems[].message'`,
		Args:        mayTake("FILE"),
		Annotations: map[string]string{readsConfig: "yes"},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			file := a.config
			if len(args) > 0 {
				file = args[0]
			}
			if file == "" {
				return errors.New("check needs a FILE, or --config")
			}
			c, err := config.Load(file)
			var wrong config.Errors
			switch {
			case errors.As(err, &wrong) && (format == outJSON || format == outName):
				if err := a.printProblems(format, file, problemsOf(doctorFail, wrong)); err != nil {
					return err
				}
				return &exit{code: exitConfig, err: wrong, quiet: true}
			case err != nil:
				return err
			}
			warnings := c.Warnings()
			if format == outJSON || format == outName {
				if err := a.printProblems(format, file, problemsOf(doctorWarn, warnings)); err != nil {
					return err
				}
				if strict && len(warnings) > 0 {
					return &exit{code: exitConfig, err: errors.New("warnings"), quiet: true}
				}
				return nil
			}
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
	outputFlag(cmd, &format)
	cmd.Flags().BoolVar(&strict, "strict", false, "a warning is a mistake")
	return cmd
}

// problem is a mistake or a warning, as -o json has it.
type problem struct {
	Level   string `json:"level"` // fail or warn, as of doctor
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

func problemsOf(level string, found []*tomldoc.Error) []problem {
	all := []problem{} // an empty list, and not null
	for _, e := range found {
		all = append(all, problem{level, e.File, e.Line, e.Column, e.Message})
	}
	return all
}

func (a *app) printProblems(format, file string, found []problem) error {
	if format == outJSON {
		return a.printJSON(map[string]any{"file": file, "problems": found})
	}
	names := make([]string, len(found))
	for i, p := range found {
		names[i] = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	return a.printNames(names)
}
