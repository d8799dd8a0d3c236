package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/cmd/pkgcmd"
	"github.com/mochilang/mochi-pyd/internal/config"
	"github.com/mochilang/mochi-pyd/internal/sock"
)

// app is what the commands share.
type app struct {
	in       *os.File
	out, err *os.File

	socket, control, config string // the persistent flags
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "mochi-pyd",
		Short: "Python functions over a Unix socket, from supervised worker processes",
		Example: `  mochi-pyd serve                     start the daemon
  mochi-pyd call math.pow 2 3         call a function
  mochi-pyd status                    how the pools are
  mochi-pyd ps                        what each worker is doing`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          takesCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.socket, "socket", "", "the hosts' socket (default $"+sock.HostVariable+", else where a daemon puts it)")
	flags.StringVar(&a.control, "control-socket", "", "the operators' socket (default $"+sock.ControlVariable+", else beside the hosts' socket)")
	flags.StringVar(&a.config, "config", "", "the configuration file")
	root.AddCommand(a.serve(), a.call(), a.status(), a.ps(), a.top(), a.restart(), a.reload(), a.check(), a.configure(), a.render(), a.bind(), a.selftest(), a.version(), a.pkg())
	root.AddCommand(a.describe(), a.logs(), a.events(), a.scale(), a.pause(), a.resume(), a.kill(), a.shutdown(), a.doctor(), a.initialise(), a.manpage())
	a.explainCompletion(root)
	arrange(root)
	root.SetFlagErrorFunc(wrongFlag)
	return root
}

// pkg is the command that the mochi program mounts too.
func (a *app) pkg() *cobra.Command {
	return pkgcmd.New(pkgcmd.Options{Version: version, Socket: func() string {
		if a.socket != "" {
			return a.socket
		}
		return os.Getenv(sock.HostVariable)
	}})
}

// explainCompletion gives cobra's own commands the examples that ours have.
func (a *app) explainCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Example = "  source <(mochi-pyd completion bash)"
			c.Args, c.RunE = takesCommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			for _, shell := range c.Commands() {
				shell.Example = "  mochi-pyd completion " + shell.Name()
			}
		case "call":
			c.ValidArgsFunction = a.completeFunctions
		case "help":
			c.Example = "  mochi-pyd help call"
			c.Run, c.RunE = nil, helpOn
		}
	}
}

// hostPath is where the hosts' socket is: the flag, the configuration, the
// environment, the usual places.
func (a *app) hostPath() (string, error) {
	return a.path(a.socket, sock.HostName, func(d config.Daemon) string { return d.Socket })
}

// controlPath is where the operators' socket is. A --socket alone means the
// control socket beside it.
func (a *app) controlPath() (string, error) {
	flag := a.control
	if flag == "" && a.socket != "" {
		flag = sock.Beside(a.socket)
	}
	return a.path(flag, sock.ControlName, func(d config.Daemon) string { return d.ControlSocket })
}

func (a *app) path(flag, name string, key func(config.Daemon) string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if a.config != "" {
		c, err := config.Load(a.config)
		if err != nil {
			return "", err
		}
		if path := key(c.Daemon()); path != "" {
			return path, nil
		}
	}
	return sock.Here().Find(name), nil
}
