package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mochilang/mochi-pyd/pool"
	"github.com/mochilang/mochi-pyd/rpc"
	"github.com/mochilang/mochi-pyd/supervisor"
)

// direct is a pool in this very program, as an embedder has it: no daemon, no
// socket.
type direct struct {
	pool  *pool.Pool
	stop  context.CancelFunc
	ended chan error

	answers chan error // one for each call that was answered
}

// deepest is the widest window anybody asks with.
const deepest = 256

const readyLimit = 30 * time.Second // for workers on a busy machine

func startDirect(ctx context.Context, b *bench, c pool.Config) (*direct, error) {
	module := c.Module
	script, err := b.render(ctx, module)
	if err != nil {
		return nil, err
	}
	p, err := pool.New(pool.Options{
		Config:  c,
		Spawner: supervisor.OS(),
		Command: func(context.Context) (supervisor.Command, error) {
			return supervisor.Command{Path: b.python, Args: []string{"-u", script, module}, Env: b.workerEnv()}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	d := &direct{pool: p, stop: stop, ended: make(chan error, 1), answers: make(chan error, deepest)}
	go func() { d.ended <- p.Run(running) }()
	waiting, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if _, err := p.Wait(waiting); err != nil {
		return nil, errors.Join(fmt.Errorf("a pool without a daemon: %w", err), d.close())
	}
	return d, nil
}

// close drains before it stops: what is in flight would be lost otherwise.
func (d *direct) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	err := d.pool.Drain(ctx)
	d.stop()
	return errors.Join(err, <-d.ended)
}

var directParams = []byte("[3,4]")

// AnswerCall is told of every answer.
func (d *direct) AnswerCall(_ *rpc.Call, result []byte, err *rpc.Error) {
	switch {
	case err != nil:
		d.answers <- err
	case string(result) != "7":
		d.answers <- fmt.Errorf("add(3, 4) was answered %q", result)
	default:
		d.answers <- nil
	}
}

func (d *direct) ask(_ context.Context, calls, depth int) (measured, error) {
	call := func() { d.pool.Submit(rpc.NewCall("add", directParams, d)) }
	if depth == 1 {
		return oneByOne(calls, func() error {
			call()
			return <-d.answers
		})
	}
	m := measured{calls: calls}
	started := time.Now()
	sent := min(depth, calls)
	for range sent {
		call()
	}
	for range calls {
		if err := <-d.answers; err != nil {
			return m, err
		}
		if sent < calls {
			call()
			sent++
		}
	}
	m.took = time.Since(started)
	return m, nil
}

// embedded is the contender that asks a pool with every default.
func embedded(ctx context.Context, b *bench) (*contender, error) {
	return embed(ctx, b, laneDirect, directConfig)
}

// embeddedNoPoll asks one whose workers sleep as soon as they may.
func embeddedNoPoll(ctx context.Context, b *bench) (*contender, error) {
	config := directConfig
	config.BusyPoll = -1
	return embed(ctx, b, laneDirectNoPoll, config)
}

var directConfig = pool.Config{Name: moduleSync, Module: moduleSync, Workers: 1}

func embed(ctx context.Context, b *bench, name string, config pool.Config) (*contender, error) {
	d, err := startDirect(ctx, b, config)
	if err != nil {
		return &contender{name: name}, err
	}
	stat := d.pool.Stat()
	var pids []int
	for _, s := range stat.Slots {
		if s.Worker != nil {
			pids = append(pids, s.Worker.PID)
		}
	}
	return &contender{
		name: name, host: hostGo, kind: ours, ask: d.ask, close: d.close,
		cpu: map[string]func() []int{roleWorker: func() []int { return pids }},
	}, nil
}
