package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/render"
)

func (a *app) render() *cobra.Command {
	var out string
	var bundle bool
	cmd := &cobra.Command{
		Use:   "render MODULE…",
		Short: "print the script that a worker of a module runs",
		Long: `Print the script that a worker of a module runs. With --out the script and its
runtime are written into a directory, from where "python3 -m mochi_worker
MODULE" serves on standard input and output. With --bundle one self-contained
file is printed.`,
		Example: `  mochi-pyd render math
  mochi-pyd render math --out /tmp/w && cd /tmp/w && python3 -m mochi_worker math
  mochi-pyd render math --bundle > worker.py`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return errors.New("render needs a module, as in math")
			case out != "" && bundle:
				return errors.New("--out and --bundle are two ways: keep one")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, modules []string) error {
			options := render.WorkerOptions{Public: true, Modules: modules}
			if err := options.Validate(); err != nil {
				return err
			}
			script, err := render.RenderWorker(options)
			if err != nil {
				return &exit{code: exitFailed, err: err}
			}
			switch {
			case out != "":
				if err := render.Write(out, script); err != nil {
					return &exit{code: exitFailed, err: err}
				}
				fmt.Fprintf(a.err, "now type: cd %s && python3 -m mochi_worker %s\n", out, strings.Join(modules, ","))
				return nil
			case bundle:
				_, err = a.out.Write(render.Bundle(script))
			default:
				_, err = io.WriteString(a.out, script.Source)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the `directory` to write script and runtime into")
	cmd.Flags().BoolVar(&bundle, "bundle", false, "one self-contained file")
	return cmd
}
