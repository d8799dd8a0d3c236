package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// driver is a host in another language, or with another library: a program
// that is told on its stdin how many calls to make, makes them, and says on its
// stdout what they took. The clock is the driver's own, so that telling it
// costs no call anything.
type driver struct {
	p     *process
	lines *bufio.Reader
}

// greeting is a driver's first line.
type greeting struct {
	PIDs   map[string][]int `json:"pids"`   // whose CPU time counts, by role
	Failed string           `json:"failed"` // why it cannot run here
}

// order is what it is told, turnOver what it answers.
type order struct {
	Calls int `json:"calls"`
	Depth int `json:"depth"`
}

type turnOver struct {
	Took   int64   `json:"took_ns"`
	Each   []int64 `json:"each_ns"` // at depth 1
	Calls  int     `json:"calls"`   // made, which may be a few more
	Failed string  `json:"failed"`
}

// driverRoom is for one line of a driver: a turn's calls, one number each.
const driverRoom = 1 << 20

func startDriver(ctx context.Context, name string, env []string, args ...string) (*driver, greeting, error) {
	p, err := startProcess(ctx, name, env, args...)
	if err != nil {
		return nil, greeting{}, err
	}
	d := &driver{p: p, lines: bufio.NewReaderSize(p.out, driverRoom)}
	var hello greeting
	if err := d.read(&hello); err != nil {
		return nil, hello, fmt.Errorf("%w: %w", errUnavailable, errors.Join(err, p.end()))
	}
	if hello.Failed != "" {
		return nil, hello, errors.Join(fmt.Errorf("%w: %s", errUnavailable, hello.Failed), p.end())
	}
	return d, hello, nil
}

func (d *driver) read(into any) error {
	line, err := d.lines.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("%s: it said %.200q and then: %w", d.p.name, line, err)
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("%s: it said %.200q: %w", d.p.name, line, err)
	}
	return nil
}

func (d *driver) ask(_ context.Context, calls, depth int) (measured, error) {
	var m measured
	text, err := json.Marshal(order{calls, depth})
	if err != nil {
		return m, err
	}
	if _, err := d.p.in.Write(append(text, '\n')); err != nil {
		return m, fmt.Errorf("%s: %w", d.p.name, err)
	}
	var done turnOver
	if err := d.read(&done); err != nil {
		return m, err
	}
	if done.Failed != "" {
		return m, errors.New(d.p.name + ": " + done.Failed)
	}
	m.calls, m.took = done.Calls, time.Duration(done.Took)
	for _, ns := range done.Each {
		m.each = append(m.each, time.Duration(ns))
	}
	return m, nil
}

// driven makes a contender of a driver. cpu, when it is nil, is what the driver
// said.
func driven(ctx context.Context, name, host, kind string, cpu map[string]func() []int, env []string, args ...string) (*contender, error) {
	c := &contender{name: name, host: host, kind: kind}
	d, hello, err := startDriver(ctx, name, env, args...)
	if err != nil {
		return c, err
	}
	if cpu == nil {
		cpu = map[string]func() []int{}
		for role, pids := range hello.PIDs {
			cpu[role] = func() []int { return pids }
		}
	}
	c.cpu, c.ask, c.close = cpu, d.ask, d.p.end
	return c, nil
}
