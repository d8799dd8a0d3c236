package main

import (
	"context"
	"path/filepath"
)

// oneHop is the floor of a call without a daemon: a Python loop that moves
// bytes and looks at none.
func oneHop(ctx context.Context, b *bench) (*contender, error) {
	return bareEcho(ctx, "bare echo, one hop", nil, b.python, "-u", filepath.Join(b.py, "echo.py"))
}

// twoHops is the floor of a call through a daemon: the same loop behind a
// process that only moves bytes.
func twoHops(ctx context.Context, b *bench) (*contender, error) {
	return bareEcho(ctx, "bare echo, two hops", nil, b.self, relayCommand, b.python, "-u", filepath.Join(b.py, "echo.py"))
}

func bareEcho(ctx context.Context, name string, env []string, args ...string) (*contender, error) {
	p, err := startProcess(ctx, name, env, args...)
	if err != nil {
		return &contender{name: name}, err
	}
	l := newLines(name, p.in, p.out, "bench_sync.add").echoed()
	return &contender{name: name, host: hostGo, kind: floor, ask: l.ask, close: p.end}, nil
}
