package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/mochilang/mochi-pyd/internal/daemon"
	"github.com/mochilang/mochi-pyd/internal/words"
)

func (a *app) kill() *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:   "kill POOL/SLOT",
		Short: "send one worker a signal; it is started again if it ends",
		Long: `Send a worker, and what it has started, a signal: TERM if none is named. If it
ends it is started again, and its end counts against nobody. The calls it ran fail
with worker_lost: to replace a worker without that, restart it. Workers ignore INT,
which a ctrl-C at the daemon's terminal sends them, too.`,
		Example: `  mochi-pyd kill numpy/1
  mochi-pyd kill -s KILL numpy/0
  mochi-pyd kill -9 numpy/0`,
		Args: func(_ *cobra.Command, args []string) error {
			if _, rest := leadingSignal(args); len(rest) != 1 || !strings.Contains(rest[0], "/") {
				return fmt.Errorf("kill needs one POOL/SLOT: mochi-pyd ps shows them")
			}
			return nil
		},
		ValidArgsFunction: a.completeWorkers,
		RunE: func(cmd *cobra.Command, args []string) error {
			if typed, rest := leadingSignal(args); typed != "" {
				signal, args = typed, rest
			}
			params := map[string]any{"signal": signalNamed(signal)}
			if err := target(args[0], params); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			var k daemon.Killed
			if _, err := a.askControl(ctx, "mochi.kill", params, &k); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.out, "%s sent to %s/%d, pid %d\n", k.Signal, k.Pool, k.Slot, k.PID)
			return err
		},
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "TERM", "the `SIGNAL`'s name, or number")
	// The flag exists: it was made on the line above.
	_ = cmd.RegisterFlagCompletionFunc("signal", cobra.FixedCompletions([]string{"TERM", "KILL", "HUP", "QUIT", "USR1", "USR2", "STOP", "CONT"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// leadingSignal takes "-9" off the words, as kill(1) has it: a number that is
// negative is no flag here.
func leadingSignal(args []string) (signal string, rest []string) {
	if len(args) == 0 {
		return "", args
	}
	first := words.Unprotect(slices.Clone(args[:1]))[0]
	if n, err := strconv.Atoi(first); err == nil && n < 0 {
		return first[1:], args[1:]
	}
	return "", args
}

// signalNamed gives a number's name, for kill(1) has taught fingers "9"; the
// daemon's machine is ours.
func signalNamed(word string) string {
	n, err := strconv.Atoi(word)
	if err != nil {
		return word
	}
	if name := unix.SignalName(syscall.Signal(n)); name != "" {
		return name
	}
	return word
}
