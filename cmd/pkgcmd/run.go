package pkgcmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mochilang/mochi-pyd/internal/mochitoml"
	"github.com/mochilang/mochi-pyd/internal/words"
	"github.com/mochilang/mochi-pyd/rpc"
)

// Options are what the command that mounts pkg run has to say.
type Options struct {
	// Socket gives the path of the daemon's socket that the user named; "" for
	// none, and then a daemon in one of the usual places is attached to, or one of
	// our own started. nil reads MOCHI_PYD_SOCKET.
	Socket func() string
	// Version is the build's, for the daemon that is started.
	Version string
}

// options are the flags of one run.
type options struct {
	Options
	runtime, python, logLevel string
	private, explain          bool
	in                        io.Reader
	out, err                  io.Writer
}

// New is the command `pkg`, with `run` below it.
func New(o Options) *cobra.Command {
	pkg := &cobra.Command{
		Use:     "pkg",
		Short:   "run Mochi packages",
		Example: "  mochi-pyd pkg run main.mochi",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	pkg.AddCommand(NewRun(o))
	return pkg
}

// NewRun is the command `run`, for a program that has a `pkg` of its own. Its
// errors are *ExitError where they know the exit status.
func NewRun(o Options) *cobra.Command {
	run := options{Options: o}
	cmd := &cobra.Command{
		Use:   "run [flags] FILE.mochi [ARG…] | FUNC [JSON…]",
		Short: "run a Mochi program, or one Python function, as mochi.toml says",
		Long: `Run a Mochi program, or call one Python function, with the interpreter and in the
runtime mode that the package's mochi.toml asks for.

The interpreter is --python, else the package's .venv, else VIRTUAL_ENV, else what
uv finds, else python3. In the mode "subprocess" calls go to the daemon that
MOCHI_PYD_SOCKET or --socket names, else to one that runs in a usual place (when
the interpreter is the machine's own), else to a private one that ends with the
command. In the mode "embedded" they go to a process that holds the interpreter.

A program is run by the mochi command, with a python3 first on its PATH that asks
the daemon: its calls take microseconds instead of an interpreter's start each.
Flags come before the program or function; what follows belongs to it.`,
		Example: `  mochi-pyd pkg run main.mochi
  mochi-pyd pkg run math.sqrt 16
  mochi-pyd pkg run --runtime=embedded math.pow -2 3
  mochi-pyd pkg run --explain main.mochi`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exitf(ExitUsage, "pkg run needs a program (main.mochi) or a function (math.sqrt)")
			}
			return nil
		},
		Annotations: map[string]string{"reads-config": "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			run.in, run.out, run.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return run.run(cmd.Context(), words.Unprotect(args))
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVar(&run.runtime, "runtime", "", "subprocess or embedded (default: what mochi.toml says, else subprocess)")
	cmd.Flags().StringVar(&run.python, "python", "", "the interpreter, a path or a name on PATH")
	cmd.Flags().BoolVar(&run.private, "private", false, "start a daemon of its own, whatever runs")
	cmd.Flags().BoolVar(&run.explain, "explain", false, "print what would be run, and run nothing")
	cmd.Flags().StringVar(&run.logLevel, "log-level", "", "print the private daemon's log: trace, debug, info, warn, error or off (default: only what functions print)")
	return cmd
}

func (o *options) run(ctx context.Context, args []string) error {
	if o.runtime != "" && o.runtime != mochitoml.ModeSubprocess && o.runtime != mochitoml.ModeEmbedded {
		return exitf(ExitUsage, "--runtime must be %q or %q, not %q", mochitoml.ModeSubprocess, mochitoml.ModeEmbedded, o.runtime)
	}
	ctx, stop := signal.NotifyContext(ctx, endings()...)
	defer stop()
	// A reader of ours that is gone fails the write, and must not end us before
	// what was begun is ended.
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	defer signal.Stop(unread)
	p, err := o.makePlan(ctx, args)
	if err != nil {
		return interrupted(ctx, err)
	}
	socket, why := o.choose(ctx, p)
	if o.explain {
		return p.explain(o.out, why)
	}
	for _, warning := range p.warnings {
		fmt.Fprintln(o.err, "warning:", warning)
	}
	b, err := o.begin(ctx, p, socket)
	if err != nil {
		return interrupted(ctx, err)
	}
	if p.program != "" {
		err = o.runProgram(ctx, p, b)
	} else {
		err = o.runFunction(ctx, p, b)
	}
	return interrupted(ctx, errors.Join(err, b.end()))
}

// endings are the signals that end a run and what it began: none may leave its
// directory behind. nohup(1) takes the hang-up away, and it stays away.
func endings() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// interrupted says of what failed because the user ended it that he did.
func interrupted(ctx context.Context, err error) error {
	var known *ExitError
	if err == nil || ctx.Err() == nil || errors.As(err, &known) && known.Code != ExitFailed {
		return err
	}
	return &ExitError{Code: ExitInterrupted, Err: errors.New("interrupted")}
}

// runFunction calls the one function and prints its result as JSON, or its
// traceback.
func (o *options) runFunction(ctx context.Context, p *plan, b *backend) error {
	caller, err := rpc.DialCaller(ctx, b.socket)
	if err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	defer caller.Close()
	result, err := caller.Call(ctx, p.function, words.Params(p.words), nil)
	var remote *rpc.Error
	if errors.As(err, &remote) {
		return o.tell(remote)
	}
	if err != nil {
		return exitf(ExitFailed, "%w", err)
	}
	if _, err = fmt.Fprintf(o.out, "%s\n", result); errors.Is(err, syscall.EPIPE) {
		return &ExitError{Code: exitUnread, Err: err, Quiet: true}
	}
	return err
}

// tell prints an exception as Python would, and leaves other errors to the
// command's own.
func (o *options) tell(remote *rpc.Error) error {
	var data struct {
		Text string `json:"text"`
		Hint string `json:"hint"`
	}
	_ = json.Unmarshal(remote.Data, &data) // what cannot be read is not shown
	if remote.Kind() == rpc.KindPythonError && data.Text != "" {
		fmt.Fprintln(o.err, strings.TrimRight(data.Text, "\n"))
		return &ExitError{Code: ExitFailed, Err: remote, Quiet: true}
	}
	if data.Hint != "" && !strings.Contains(remote.Message, data.Hint) {
		return exitf(ExitFailed, "%w\n  hint: %s", remote, data.Hint)
	}
	return &ExitError{Code: ExitFailed, Err: remote}
}
