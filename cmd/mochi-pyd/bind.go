package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/bind"
	"github.com/mochilang/mochi-pyd/internal/words"
)

func (a *app) bind() *cobra.Command {
	var language, out string
	languages := strings.Join(bind.Languages(), ", ")
	cmd := &cobra.Command{
		Use:   "bind MODULE…",
		Short: "write a typed client of a module",
		Long: `Ask the daemon what a module's functions take and give (rpc.discover), and
write a client of it: a Go package over rpc.Client, a TypeScript or Python module
without dependencies, or Mochi's extern declarations. Types come from Python's
annotations; what has none is any type. The same module gives the same bytes.`,
		Example: `  mochi-pyd bind --lang go statistics --out internal/py
  mochi-pyd bind --lang ts json > json.ts
  mochi-pyd bind --lang mochi math`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return errors.New("bind needs a module, as in math")
			case !slices.Contains(bind.Languages(), language):
				return fmt.Errorf("--lang must be one of %s", languages)
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, modules []string) error {
			path, err := a.hostPath()
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			var all []bind.Module
			for _, name := range modules {
				document, err := ask(ctx, path, "rpc.discover", words.Array([]json.RawMessage{words.Quoted(name)}), nil)
				if err != nil {
					return err
				}
				m, err := bind.Read(name, document)
				if err != nil {
					return &exit{code: exitFailed, err: err}
				}
				all = append(all, m)
			}
			files, err := bind.GenerateAll(language, all)
			if err != nil {
				return &exit{code: exitFailed, err: err}
			}
			return a.writeClients(files, out)
		},
	}
	cmd.Flags().StringVar(&language, "lang", "", "the client's `language`: "+languages)
	cmd.Flags().StringVar(&out, "out", "-", "the `directory` to write into; \"-\" prints")
	return cmd
}

// writeClients prints the files, or writes them and says which.
func (a *app) writeClients(files []bind.File, out string) error {
	for _, f := range files {
		if out == "-" {
			if _, err := a.out.Write(f.Text); err != nil {
				return err
			}
			continue
		}
		path := filepath.Join(out, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return &exit{code: exitFailed, err: err}
		}
		if err := os.WriteFile(path, f.Text, 0o644); err != nil {
			return &exit{code: exitFailed, err: err}
		}
		fmt.Fprintln(a.err, "wrote "+path)
	}
	return nil
}
