package top

import (
	"context"
	"errors"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"
)

// ErrPanicked is a fault of the view itself. The terminal has been given back
// and the trace is on stderr.
var ErrPanicked = errors.New("the live view failed: please report what stands above")

// Run shows the view on a terminal until a key leaves it or ctx ends, and gives
// the terminal back in either case: also when the view panics, in whichever of
// its goroutines. It handles no signal: whoever calls it makes them end ctx.
func Run(ctx context.Context, source Source, in io.Reader, out *os.File, colors bool) error {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	p := tea.NewProgram(NewModel(asking, source, colors), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	// Not tea.WithContext, which leaves without a last draw.
	stop := context.AfterFunc(ctx, p.Quit)
	defer stop()
	_, err := p.Run()
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return ErrPanicked
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}
