package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/oklog/run"
	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/internal/logs"
	"github.com/mochilang/mochi-pyd/internal/metrics"
	"github.com/mochilang/mochi-pyd/internal/sock"
	buildinfo "github.com/mochilang/mochi-pyd/internal/version"
)

// serveFlags are the settings that the command line can override.
type serveFlags struct {
	logLevel, logFormat string
	python              string
	pythonPath          []string
	workers             int
	dev                 bool
}

func (a *app) serve() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the daemon in the foreground",
		Long: `Run the daemon in the foreground, until ctrl-C or SIGTERM: what runs is then
finished, what waits is refused, and a second signal ends it at once.

Without --config any module may be imported, from the current directory and
PYTHONPATH too, by whoever may open the socket: the own user.`,
		Example: `  mochi-pyd serve
  mochi-pyd serve --config /etc/mochi-pyd/config.toml
  mochi-pyd serve --python .venv/bin/python --workers 4
  mochi-pyd serve --dev`,
		Args:        takesNothing,
		Annotations: map[string]string{readsConfig: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.serveConfig(cmd, f)
			if err != nil {
				return err
			}
			return a.runServe(cmd.Context(), c, f.dev)
		},
	}
	cmd.Flags().StringVar(&f.logLevel, "log-level", "", "trace, debug, info, warn, error or off (default info)")
	cmd.Flags().StringVar(&f.logFormat, "log-format", "", "text, json, journal or auto (default auto)")
	cmd.Flags().StringVar(&f.python, "python", "", "the workers' interpreter, a path or a name on PATH (default python3, or that of VIRTUAL_ENV)")
	cmd.Flags().StringArrayVar(&f.pythonPath, "python-path", nil, "a `directory` to find modules in; may be repeated, or hold several joined by colons")
	cmd.Flags().IntVar(&f.workers, "workers", 0, "workers of each pool (default 2)")
	cmd.Flags().BoolVar(&f.dev, "dev", false, "reload a pool when a source file of it changes")
	for flag, words := range map[string][]string{
		"log-level":  {"trace", "debug", "info", "warn", "error", "off"},
		"log-format": {"auto", "text", "json", "journal"},
	} {
		// The flags exist: they were made on the lines above.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// serveConfig reads the file, if there is one, and lays the flags over it.
func (a *app) serveConfig(cmd *cobra.Command, f serveFlags) (*config.Config, error) {
	c := config.Default()
	if a.config != "" {
		var err error
		if c, err = config.Load(a.config); err != nil {
			return nil, err
		}
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, exitf(exitFailed, "the current directory: %w", err)
	}
	var paths []string
	for _, p := range f.pythonPath {
		paths = append(paths, filepath.SplitList(p)...)
	}
	for _, flag := range []struct {
		name    string
		section config.Section
		words   []string
	}{
		{"socket", config.SectionDaemon, []string{a.socket}},
		{"control-socket", config.SectionDaemon, []string{a.control}},
		{"log-level", config.SectionDaemon, []string{f.logLevel}},
		{"log-format", config.SectionDaemon, []string{f.logFormat}},
		{"python", config.SectionPoolDefaults, []string{f.python}},
		{"python-path", config.SectionPoolDefaults, paths},
		{"workers", config.SectionPoolDefaults, []string{strconv.Itoa(f.workers)}},
	} {
		if !cmd.Flags().Changed(flag.name) {
			continue
		}
		if err := c.Set(flag.section, flag.name, here, flag.words...); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// doors binds the two sockets, or takes those the service manager passed.
func doors(d config.Daemon) (host, control *sock.Listener, err error) {
	passed, err := sock.Passed()
	if err != nil {
		return nil, nil, err
	}
	host, control = passed[sock.FDHost], passed[sock.FDControl]
	path := d.Socket
	switch {
	case path != "":
	case host != nil:
		path = host.Path()
	default:
		if path = os.Getenv(sock.HostVariable); path == "" {
			dir, err := sock.Here().ServeDir()
			if err != nil {
				return nil, nil, err
			}
			path = filepath.Join(dir, sock.HostName)
		}
	}
	if host == nil {
		if host, err = sock.Listen(sock.Spec{Path: path, Mode: d.SocketMode, Group: d.SocketGroup}); err != nil {
			return nil, nil, err
		}
	}
	if control != nil {
		return host, control, nil
	}
	controlPath := d.ControlSocket
	if controlPath == "" || d.Origins["control-socket"].Kind == config.OriginDefault {
		if named := os.Getenv(sock.ControlVariable); named != "" && d.Origins["socket"].Kind == config.OriginDefault {
			controlPath = named
		} else {
			controlPath = sock.Beside(path)
		}
	}
	control, err = sock.Listen(sock.Spec{Path: controlPath, Mode: d.ControlMode, Group: d.ControlGroup})
	if err != nil {
		_ = host.Close()
		return nil, nil, err
	}
	return host, control, nil
}

func (a *app) runServe(ctx context.Context, c *config.Config, dev bool) error {
	leaveCores()
	settings := c.Daemon()
	// A log pipe whose reader is gone must cost lines and not the daemon. Not
	// signal.Ignore: workers would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// Before a socket is bound: a signal's own way of ending a process would
	// leave it behind. Whoever asks meanwhile is heard when there are actors.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if c.File != "" && !signal.Ignored(syscall.SIGHUP) { // ignored: who started us with nohup meant it
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)

	host, control, err := doors(settings) // before anything else makes files: see sock.Listen
	if err != nil {
		return &exit{code: exitFailed, err: err}
	}
	network, address := settings.Endpoint()
	door, shut := metrics.Listen(network, address, settings.SocketMode, settings.SocketGroup)
	form := logs.Options{Level: settings.LogLevel, Format: settings.LogFormat, Output: a.err}
	log, lines := logs.New(form)
	defer lines.Close()
	if shut != nil { // no reason to keep hosts out
		log.Error("metrics cannot be served; the daemon goes on without: mend [daemon] metrics and restart it", "event", "metrics_failed", "address", address, "reason", shut.Error())
	}
	runtimeDir, err := sock.Here().RuntimeDir()
	if err == nil && os.Geteuid() == 0 {
		log.Warn("running as root: so do the workers, and every Python function they call; run the daemon as a user of its own", "event", "root")
	}
	var d *daemon.Daemon
	if err == nil {
		d, err = daemon.New(daemon.Options{
			Config: c, Logger: log, Version: buildinfo.Of(version), Environ: os.Environ(), RuntimeDir: runtimeDir, Dev: dev,
			Ready: func() {
				next := nextLine(c, host.Path(), control.Path())
				if form.Resolved() == logs.FormatText {
					fmt.Fprintf(a.err, "mochi-pyd is ready: hosts %s, operators %s\nnow type: %s\n", host.Path(), control.Path(), next)
				} else { // one format in one stream: who parses the log must not meet prose
					log.Info("ready", "event", "ready", "socket", host.Path(), "control_socket", control.Path(), "next", next)
				}
			},
		})
	}
	if err != nil {
		if door != nil {
			_ = door.Close()
		}
		return &exit{code: exitFailed, err: errors.Join(err, host.Close(), control.Close())}
	}
	return a.actors(ctx, d, daemon.Listeners{Host: host, Control: control, Metrics: door}, log, signals)
}

// sameSignal is how soon after the first a signal still is the first one:
// timeout(1) and some shells send it to the process and to its group.
const sameSignal = 5 * time.Millisecond

// actors are the daemon and the signals: the first one drains, the second one
// forces; SIGHUP has the configuration read again.
func (a *app) actors(ctx context.Context, d *daemon.Daemon, l daemon.Listeners, log hclog.Logger, signals <-chan os.Signal) error {
	ctx, drain := context.WithCancel(ctx)
	defer drain()
	forced := false
	var group run.Group
	group.Add(func() error { return d.Run(ctx, l) }, func(error) { drain() })
	over, end := context.WithCancel(context.Background())
	group.Add(func() error {
		var first time.Time
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGHUP {
					// Only where there is a file: without one a terminal that
					// closes ends the daemon, as it ends what else was typed there.
					log.Info("asked to reload", "event", "asked_to_reload", "signal", s.String())
					d.Reread()
					continue
				}
				if !first.IsZero() {
					if time.Since(first) < sameSignal {
						continue
					}
					log.Warn("forced to end", "event", "forced", "signal", s.String())
					forced = true
					d.Force()
					continue
				}
				first = time.Now()
				log.Info("asked to end", "event", "asked_to_end", "signal", s.String())
				drain()
			case <-over.Done():
				return nil
			}
		}
	}, func(error) { end() })
	err := group.Run()
	switch {
	case err != nil:
		return &exit{code: exitFailed, err: err}
	case forced:
		return &exit{code: exitInterrupted, err: errors.New("forced to end"), quiet: true}
	}
	return nil
}

// nextLine is what to type next, to see that it works.
func nextLine(c *config.Config, host, control string) string {
	program := os.Args[0]
	where := ""
	if sock.Here().Find(sock.HostName) != host {
		where = " --socket " + host
	}
	try := "call math.pow -2 3"
	if c.Daemon().ImportPolicy != config.PolicyAny {
		try = "status"
		if where != "" {
			where = " --control-socket " + control
		}
	}
	return program + " " + try + where
}
