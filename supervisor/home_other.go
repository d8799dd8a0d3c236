//go:build unix && !linux

package supervisor

import (
	"context"
	"errors"
)

// home: forked workers are watched and buried by means that Linux alone has.
type home struct{ command Command }

func openHome(NurseryConfig, int, Command, func()) (*home, error) {
	return nil, errors.New("preload needs Linux: set preload = false")
}

func (h *home) begin()           {}
func (h *home) enter() bool      { return false }
func (h *home) process() *Worker { return nil }
func (h *home) retire()          {}

func (h *home) spawn(context.Context, string, Files) (Process, error) { return nil, errHomeGone }
