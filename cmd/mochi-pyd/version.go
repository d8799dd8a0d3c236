package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	buildinfo "github.com/mochilang/mochi-pyd/internal/version"
)

func (a *app) version() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "which build this is",
		Example: "  mochi-pyd version\n  mochi-pyd version -o json",
		Args:    takesNothing,
		RunE: func(*cobra.Command, []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			info := buildinfo.Of(version)
			switch format {
			case outJSON:
				return json.NewEncoder(a.out).Encode(info)
			case outName:
				_, err := fmt.Fprintln(a.out, info.Version)
				return err
			}
			_, err := fmt.Fprintf(a.out, "mochi-pyd %s (%s, %s)\n", info.Version, info.Go, info.Platform)
			return err
		},
	}
	outputFlag(cmd, &format)
	return cmd
}
