package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/internal/sock"
	"github.com/mochilang/mochi-pyd/internal/top"
)

func (a *app) top() *cobra.Command {
	return &cobra.Command{
		Use:     "top",
		Aliases: []string{"monit"},
		Short:   "the pools and the workers, live: what each does now and for how long",
		Long: `Show the pools and the workers, asked once a second: calls a second over the
last minute, what each worker runs and for how long, how its predecessor ended.
Keys sort, filter, restart, show log lines; ? lists them. Where standard output
is no terminal, the same tables are printed once.`,
		Example: `  mochi-pyd top
  NO_COLOR=1 mochi-pyd top
  mochi-pyd top | less`,
		Args: takesNothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Before anything else is asked: a path that cannot be found, a socket
			// that nobody listens on are told as every command tells them.
			path, err := a.controlPath()
			if err != nil {
				return err
			}
			keys := a.keys()
			if keys == nil || !draws(a.out) {
				return a.topOnce(cmd.Context())
			}
			defer keys.Close()
			// A terminal that is gone sends SIGHUP; any of them leaves the screen as
			// it was. A second one ends the program at once.
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			defer context.AfterFunc(ctx, stop)()
			conn, err := sock.Dial(ctx, path)
			if err != nil {
				return err
			}
			feed := top.NewFeed(func(ctx context.Context) (net.Conn, error) {
				if first := conn; first != nil {
					conn = nil
					return first, nil
				}
				return sock.Dial(ctx, path)
			})
			defer feed.Close()
			err = top.Run(ctx, feed, keys, a.out, os.Getenv("NO_COLOR") == "")
			if err != nil && !errors.Is(err, context.Canceled) {
				return &exit{code: exitFailed, err: err} // a fault of ours, no wrong usage
			}
			return err
		},
	}
}

// draws says whether a screen can be drawn there.
func draws(f *os.File) bool { return terminal(f) && os.Getenv("TERM") != "dumb" }

func terminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ) // only terminals have one, on every system
	return err == nil
}

// keys is where they are pressed: standard input, or behind one that something
// else feeds the terminal itself, as less finds it; nil without any.
func (a *app) keys() *os.File {
	if terminal(a.in) {
		return a.in
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	return tty
}

// topOnce prints what the live view would show.
func (a *app) topOnce(parent context.Context) error {
	ctx, stop := interruptible(parent)
	defer stop()
	var s daemon.Status
	if _, err := a.askControl(ctx, "mochi.status", nil, &s); err != nil {
		return err
	}
	var w daemon.Workers
	if _, err := a.askControl(ctx, "mochi.workers", nil, &w); err != nil {
		return err
	}
	if err := a.printStatus(outTable, nil, s); err != nil {
		return err
	}
	if _, err := a.out.WriteString("\n"); err != nil {
		return err
	}
	return a.printWorkers(outTable, nil, w)
}
