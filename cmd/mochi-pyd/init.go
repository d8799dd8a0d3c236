package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/config"
)

// What init writes, below its directory.
const (
	initConfig = "config.toml"
	initDropIn = "mochi-pyd.service.d/10-config.conf"
)

func (a *app) initialise() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "write a commented configuration and a drop-in for the unit, to start from",
		Long: `Write DIR/config.toml, in which every key is explained and commented out at its
default, and DIR/mochi-pyd.service.d/10-config.conf, which has the service use it.
What is there is never overwritten.`,
		Example: `  mochi-pyd init ~/mochi-pyd
  sudo mochi-pyd init /etc/mochi-pyd`,
		Args: wants("DIR"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return &exit{code: exitFailed, err: err}
			}
			if err := writeNew(dir, map[string]string{initConfig: startingConfig(), initDropIn: startingDropIn(dir)}); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(a.out, "%[1]s/%[2]s\n%[1]s/%[3]s\n", dir, initConfig, initDropIn); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.err, `they are written. now declare your pools in the first, then:
  mochi-pyd check %[1]s/%[2]s && mochi-pyd serve --config %[1]s/%[2]s
or, for the service:
  sudo cp -r %[1]s/mochi-pyd.service.d /etc/systemd/system/ && sudo systemctl daemon-reload && sudo systemctl restart mochi-pyd
`, dir, initConfig)
			return err
		},
	}
}

// writeNew writes files that are not there, and none of them if one is.
func writeNew(dir string, files map[string]string) error {
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		switch _, err := os.Lstat(filepath.Join(dir, name)); {
		case err == nil:
			return exitf(exitFailed, "%s is there already, and is not overwritten: name another directory, or move it away", filepath.Join(dir, name))
		case !errors.Is(err, fs.ErrNotExist):
			return writeFailed(err)
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return writeFailed(err)
		}
		// Exclusive: what has come there since we looked is not ours either.
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return writeFailed(err)
		}
		_, err = f.WriteString(files[name])
		if err := errors.Join(err, f.Close()); err != nil {
			return writeFailed(err)
		}
	}
	return nil
}

func writeFailed(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return exitf(exitPermission, "%w: become the user who may write there, or name another directory", err)
	}
	return &exit{code: exitFailed, err: err}
}

// startingConfig is every key there is, at its default and commented out.
func startingConfig() string {
	var b strings.Builder
	b.WriteString(`# The configuration of mochi-pyd. Every key is here, commented out at its default:
# take the # away from what you want otherwise. mochi-pyd says at once, with line
# and column, what it does not understand. Durations and sizes have units: "30s",
# "512MiB".
`)
	sections := map[config.Section]string{
		config.SectionDaemon: "\n# The daemon itself.\n[daemon]\n",
		config.SectionPoolDefaults: `
# What holds for every pool that does not say otherwise.
[pool-defaults]
`,
		config.SectionPools: `
# One table for each module that hosts may call: [pools.NAME], where NAME is what
# its functions are called by (mochi-pyd call NAME.function). Every key of
# [pool-defaults] may be in it, and:
# [pools.numpy]
`,
	}
	shared := map[string]bool{}
	for _, k := range config.Keys() {
		if head := sections[k.Section]; head != "" {
			b.WriteString(head)
			delete(sections, k.Section)
		}
		if k.Section == config.SectionPoolDefaults {
			shared[k.Name] = true
		}
		if k.Section == config.SectionPools && shared[k.Name] {
			continue
		}
		about := k.Doc
		if len(k.Enum) > 0 {
			about += " (" + strings.Join(k.Enum, ", ") + ")"
		}
		fmt.Fprintf(&b, "\n# %s\n# %s = %s\n", about, k.Name, defaultText(k))
	}
	return b.String()
}

// defaultText is a key's default as it is written in TOML.
func defaultText(k config.Key) string {
	t := reflect.TypeFor[config.Pool]()
	if k.Section == config.SectionDaemon {
		t = reflect.TypeFor[config.Daemon]()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("key") != k.Name {
			continue
		}
		switch kind := f.Type.Kind(); {
		case kind == reflect.Slice:
			return "[]"
		case kind == reflect.Map:
			return "{}"
		case kind == reflect.Bool, kind == reflect.Int && k.Unit == "":
			return k.Default
		}
	}
	return fmt.Sprintf("%q", k.Default)
}

// startingDropIn has the service read the configuration.
func startingDropIn(dir string) string {
	return `# A drop-in for mochi-pyd.service, which has it read the configuration beside it.
# It belongs into /etc/systemd/system/mochi-pyd.service.d; then:
#   systemctl daemon-reload && systemctl restart mochi-pyd
[Service]
# The empty line takes the unit's own command away, else there would be two.
ExecStart=
ExecStart=/usr/bin/mochi-pyd serve --config ` + unitQuoted(filepath.Join(dir, initConfig)) + ` --socket %t/mochi-pyd/rpc.sock --control-socket %t/mochi-pyd/ctl.sock

# What a module needs beyond what the unit allows goes here:
# ReadWritePaths=/srv/app/data
# Environment=OMP_NUM_THREADS=1
`
}

// unitQuoted is a path as a unit file has it: specifiers and blanks mean something
// there.
func unitQuoted(path string) string {
	path = strings.ReplaceAll(path, "%", "%%")
	if strings.ContainsAny(path, " \t\"\\$") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `$$`).Replace(path) + `"`
	}
	return path
}
