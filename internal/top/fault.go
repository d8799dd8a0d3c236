package top

import (
	"context"
	"fmt"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
)

// FaultError is a panic of the view itself, with where it was. Whoever called Run
// prints it: the terminal has been given back by then.
type FaultError struct {
	value any
	stack []byte
}

func (f *FaultError) Error() string {
	return fmt.Sprintf("the live view failed, and nothing of the daemon did: please report this:\n\npanic: %v\n\n%s", f.value, f.stack)
}

// guard is the model as bubbletea gets it: a panic in it, or in a command of its,
// becomes a FaultError and ends the program as a key would. bubbletea catches panics
// itself, but writes the trace while the screen is still its own, where it goes
// away with it, and from a goroutine that nobody waits for.
type guard struct {
	*Model
	failed context.CancelCauseFunc
}

// Init is the model's.
func (g guard) Init() (cmd tea.Cmd) {
	defer g.catch()
	return g.guarded(g.Model.Init())
}

// Update is the model's.
func (g guard) Update(msg tea.Msg) (m tea.Model, cmd tea.Cmd) {
	m = g
	defer g.catch()
	_, cmd = g.Model.Update(msg)
	return m, g.guarded(cmd)
}

// View is the model's; nothing, when it fails.
func (g guard) View() (v tea.View) {
	defer g.catch()
	return g.Model.View()
}

// guarded is a command, and those that it asks for.
func (g guard) guarded(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer g.catch()
		msg = cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i, c := range batch {
				batch[i] = g.guarded(c)
			}
		}
		return msg
	}
}

func (g guard) catch() {
	if v := recover(); v != nil {
		g.failed(&FaultError{v, debug.Stack()}) // the first one is the cause
	}
}
