package top

import (
	"context"
	"errors"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"
)

// ErrPanicked is a fault of what draws the view. The terminal has been given
// back; the trace is on stderr.
var ErrPanicked = errors.New("the live view failed while it drew: please report what stands above")

// Run shows the view on a terminal until a key leaves it or ctx ends, and gives
// the terminal back in either case: also when the view panics, in whichever of
// its goroutines, which is a *FaultError. ctrl-C is context.Canceled, as it is for
// commands that a signal of it ends. It handles no signal: whoever calls it makes
// them end ctx.
func Run(ctx context.Context, source Source, in io.Reader, out *os.File, colors bool) error {
	asking, end := context.WithCancelCause(ctx)
	defer end(nil)
	m := NewModel(asking, source, colors)
	p := tea.NewProgram(guard{m, end}, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	// Not tea.WithContext, which leaves without a last draw.
	stop := context.AfterFunc(asking, p.Quit)
	defer stop()
	_, err := p.Run()
	var fault *FaultError
	switch {
	case errors.As(context.Cause(asking), &fault):
		return fault
	case errors.Is(err, tea.ErrProgramPanic):
		return ErrPanicked
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && m.interrupted:
		return context.Canceled
	}
	return err
}
