package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/mochilang/mochi-pyd/supervisor"
)

// loneWorker is the very worker that the daemon starts, on the same
// descriptors, with nobody between: what is asked in lines goes into its pipe.
// What the daemon adds is what it is slower than this.
type loneWorker struct {
	cmd   *exec.Cmd
	files []*os.File // ours, to close at the end; the request pipe is first
	in    *os.File
	out   *os.File
	last  uint64 // id; they only grow
}

// loneSeats is more calls than any window has; an id names the seat of its call.
const loneSeats = 1024

func startLoneWorker(ctx context.Context, b *bench, module string) (w *loneWorker, err error) {
	script, err := b.render(ctx, module)
	if err != nil {
		return nil, err
	}
	w = &loneWorker{}
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
		if err != nil {
			w.closeFiles()
		}
	}()
	// in, loop, control and life are read by the worker, out is written.
	ends := map[string]*os.File{}
	for _, name := range []string{"in", "loop", "control", "life", "out"} {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("make the worker's %s pipe: %w", name, err)
		}
		if name == "out" {
			read, write = write, read
			w.out = write
		}
		if name == "in" {
			w.in = write
		}
		w.files = append(w.files, write)
		theirs = append(theirs, read)
		ends[name] = read
	}
	board, err := os.CreateTemp("", "board")
	if err != nil {
		return nil, fmt.Errorf("make the worker's board: %w", err)
	}
	theirs = append(theirs, board)
	if err := errors.Join(os.Remove(board.Name()), board.Truncate(8*(1+2*loneSeats))); err != nil {
		return nil, fmt.Errorf("make the worker's board: %w", err)
	}
	w.cmd = exec.CommandContext(ctx, b.python, "-u", script, module)
	w.cmd.Env = append(b.workerEnv(), fmt.Sprintf("%s=in=3 loop=4 out=5 control=6 life=7 board=8 seats=%d main=%d message=%d",
		supervisor.WireVariable, loneSeats, loneSeats, maxMessage))
	w.cmd.Stderr = os.Stderr
	// The lifeline kills the worker's group: not ours.
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	w.cmd.ExtraFiles = []*os.File{ends["in"], ends["loop"], ends["out"], ends["control"], ends["life"], board}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker alone: %w", err)
	}
	// Starting it made every descriptor blocking, and the flag is shared: of its
	// control pipe the worker asks whether there is something in it.
	if err := syscall.SetNonblock(int(ends["control"].Fd()), true); err != nil {
		return nil, errors.Join(fmt.Errorf("make the control pipe non-blocking: %w", err), w.cmd.Process.Kill(), w.cmd.Wait())
	}
	ready, err := bufio.NewReader(w.out).ReadString('\n') // it says nothing more before it is asked
	if err == nil && !strings.Contains(ready, `"mochi.ready"`) {
		err = fmt.Errorf("it said %.300q", ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("a worker alone did not become ready: %w", err), w.cmd.Process.Kill(), w.cmd.Wait())
	}
	return w, nil
}

func (w *loneWorker) closeFiles() {
	for _, f := range w.files {
		f.Close()
	}
}

// end: its input's end is the polite way, and the lifeline's end the other, so
// all but the input stays open until it is gone.
func (w *loneWorker) end() error {
	w.in.Close()
	err := w.cmd.Wait()
	w.closeFiles()
	if err != nil {
		return fmt.Errorf("end the worker alone: %w", err)
	}
	return nil
}

// workerAlone asks it for the sum.
func workerAlone(ctx context.Context, b *bench) (*contender, error) {
	const name = "the worker, no daemon"
	w, err := startLoneWorker(ctx, b, moduleSync)
	if err != nil {
		return &contender{name: name}, err
	}
	l := newLines(name, w.in, w.out, "add")
	return &contender{
		name: name, host: hostGo, kind: floor, ask: l.ask, close: w.end,
		cpu: map[string]func() []int{roleWorker: pid(w.cmd.Process.Pid)},
	}, nil
}
