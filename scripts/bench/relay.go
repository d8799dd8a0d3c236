package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// relayCommand as its first argument makes this program a relay: a process
// between two pipes, as the daemon is, that reads nothing of what it moves.
const relayCommand = "relay"

// relay starts the command that its arguments name and copies between its own
// stdin and stdout and the command's, each direction on one goroutine.
func relay(ctx context.Context, args []string) error {
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Stderr = os.Stderr
	itsIn, toIt, err := os.Pipe()
	if err != nil {
		return err
	}
	fromIt, itsOut, err := os.Pipe()
	if err != nil {
		return err
	}
	command.Stdin, command.Stdout = itsIn, itsOut
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", args[0], err)
	}
	if err := errors.Join(itsIn.Close(), itsOut.Close()); err != nil {
		return err
	}
	back := make(chan error, 1)
	go func() { back <- move(os.Stdout, fromIt) }()
	forth := move(toIt, os.Stdin)
	return errors.Join(forth, toIt.Close(), <-back, command.Wait())
}

func move(to, from *os.File) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
