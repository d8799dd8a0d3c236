package main

import (
	"context"
	"errors"
	"time"
)

// contender is one way to get calls answered. It is opened once, asked in
// turns with the others of its family, and closed at the end.
type contender struct {
	name string
	// host is the language of the program that asks. A Python host pays for
	// its own interpreter, so peers are held against ours from the same host.
	host string
	// kind groups the rows of a report and decides what the gate looks at:
	// floor, ours or peer.
	kind string

	ask   func(ctx context.Context, calls, depth int) (measured, error)
	cpu   map[string]func() []int // role → the processes whose CPU time counts
	close func() error
}

// Kinds of contenders.
const (
	floor = "floor"
	ours  = "ours"
	peer  = "peer"
)

// Hosts: the languages of the programs that ask.
const (
	hostGo     = "Go"
	hostPython = "Python"
	hostNode   = "Node"
)

// measured is what one turn took.
type measured struct {
	calls int
	took  time.Duration   // the whole turn
	each  []time.Duration // every call's own time, where calls do not overlap
}

// perCall is the time of the turn that one call accounts for.
func (m measured) perCall() time.Duration { return m.took / time.Duration(max(m.calls, 1)) }

// samples are what percentiles are taken of: single calls at depth 1; deeper,
// where calls overlap, the turn's mean is all there is to say.
func (m measured) samples() []time.Duration {
	if len(m.each) > 0 {
		return m.each
	}
	return []time.Duration{m.perCall()}
}

// errUnavailable marks a contender that cannot run here, for a reason that is
// worth a line in the report and no failure of the benchmark.
var errUnavailable = errors.New("not available")

// pid is a role of one process that stays.
func pid(n int) func() []int { return func() []int { return []int{n} } }

// shut closes what was opened, last first.
func shut(closers []func() error) error {
	var failed []error
	for i := len(closers) - 1; i >= 0; i-- {
		failed = append(failed, closers[i]())
	}
	return errors.Join(failed...)
}
