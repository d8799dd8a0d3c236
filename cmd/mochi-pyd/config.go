package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/daemon"
)

func (a *app) configure() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "what is in force, where it was said, and what the file says by now",
		Example: `  mochi-pyd config show numpy
  mochi-pyd config diff
  mochi-pyd config schema > mochi-pyd.schema.json`,
		Args: takesCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.configShow(), a.configDiff(), a.configSchema())
	return cmd
}

func (a *app) configShow() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show [POOL]",
		Short: "every key, its value and where it was said",
		Long: `Show every key with its value and where it was said, FILE:LINE, a flag, or the
default: as it is in force in the daemon that runs, or, with --config, as that
file says it, without a daemon.`,
		Example: `  mochi-pyd config show numpy
  mochi-pyd config show --config mochi.toml
  mochi-pyd config show -o json | jq '.settings[] | select(.origin != "default")'`,
		Args:              mayTake("POOL"),
		Annotations:       map[string]string{readsConfig: "yes"},
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			pool := ""
			if len(args) > 0 {
				pool = args[0]
			}
			var shown daemon.Configuration
			var err error
			if a.config != "" {
				shown, err = settingsOf(a.config, pool)
			} else {
				ctx, stop := interruptible(cmd.Context())
				defer stop()
				_, err = a.askControl(ctx, "mochi.config", map[string]any{"pool": pool}, &shown)
			}
			if err != nil {
				return err
			}
			return a.printSettings(format, shown)
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

// settingsOf is what a file says, of all or of one pool.
func settingsOf(file, pool string) (daemon.Configuration, error) {
	c, err := config.Load(file)
	if err != nil {
		return daemon.Configuration{}, err
	}
	shown := daemon.Configuration{File: file, Settings: c.Settings()}
	if pool == "" {
		return shown, nil
	}
	shown.Settings = slices.DeleteFunc(shown.Settings, func(s config.Setting) bool { return s.Pool != pool })
	if len(shown.Settings) == 0 {
		return shown, exitf(exitNoSuch, "%s declares no pool %q", file, pool)
	}
	return shown, nil
}

func (a *app) printSettings(format string, shown daemon.Configuration) error {
	switch format {
	case outJSON:
		return a.printJSON(shown)
	case outName:
		names := make([]string, len(shown.Settings))
		for i, s := range shown.Settings {
			names[i] = tableName(s.Section, s.Pool) + "." + s.Key
		}
		return a.printNames(names)
	}
	columns := []string{"TABLE", "KEY", "VALUE", "ORIGIN"}
	if format == outWide {
		columns = append(columns, "RELOAD")
	}
	t := newTable(a.out, columns...)
	for _, s := range shown.Settings {
		cells := []string{tableName(s.Section, s.Pool), s.Key, s.Text, s.Origin}
		if format == outWide {
			cells = append(cells, string(s.Apply))
		}
		t.row(cells...)
	}
	return t.flush()
}

// tableName names a table as it stands in the file.
func tableName(section config.Section, pool string) string {
	switch {
	case pool == "":
		return string(section)
	case config.DottedName(pool) && !slices.Contains([]byte(pool), '.'):
		return "pools." + pool
	}
	return fmt.Sprintf("pools.%q", pool)
}

func (a *app) printJSON(value any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

func (a *app) configDiff() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "diff [POOL]",
		Short: "what the file says that does not run, and what a reload would do",
		Long: `Compare the configuration file as it is on the disk with what runs, key by key,
and say what a reload would do about each. Nothing is changed.`,
		Example: `  mochi-pyd config diff
  mochi-pyd config diff -o json | jq '.plan'`,
		Args:              mayTake("POOL"),
		Annotations:       map[string]string{readsConfig: "yes"},
		ValidArgsFunction: a.completePools,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			params := map[string]any{"diff": true}
			if len(args) > 0 {
				params["pool"] = args[0]
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			var d daemon.Difference
			if _, err := a.askControl(ctx, "mochi.config", params, &d); err != nil {
				return a.wrongConfig(err)
			}
			return a.printDiff(format, d)
		},
	}
	outputFlag(cmd, &format)
	return cmd
}

func (a *app) printDiff(format string, d daemon.Difference) error {
	switch {
	case format == outJSON:
		return a.printJSON(d)
	case format == outName:
		names := make([]string, len(d.Plan))
		for i, s := range d.Plan {
			names[i] = tableName(config.SectionDaemon, s.Pool)
		}
		return a.printNames(names)
	case d.File == "":
		_, err := fmt.Fprintln(a.out, "the daemon runs without a configuration file: there is nothing to compare")
		return err
	case len(d.Plan) == 0:
		_, err := fmt.Fprintf(a.out, "%s says what runs\n", d.File)
		return err
	}
	t := newTable(a.out, "TABLE", "KEY", "RUNS", "FILE", "RELOAD", "ORIGIN")
	for _, s := range d.Plan {
		name := tableName(config.SectionDaemon, s.Pool)
		switch s.Action {
		case config.ActionAdded:
			t.row(name, "-", "-", "-", "starts", d.File)
		case config.ActionRemoved:
			t.row(name, "-", "-", "-", "drains", "-")
		}
		for _, c := range s.Changes {
			t.row(name, c.Key, c.From, c.To, string(c.Apply), c.Origin)
		}
	}
	return t.flush()
}

func (a *app) configSchema() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "a JSON schema of the configuration file, for editors",
		Example: `  mochi-pyd config schema > mochi-pyd.schema.json`,
		Args:    takesNothing,
		RunE: func(*cobra.Command, []string) error {
			schema, err := config.Schema()
			if err != nil {
				return &exit{code: exitFailed, err: err}
			}
			_, err = a.out.Write(schema)
			return err
		},
	}
}
