package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// fromPython asks from a Python program with nothing but a socket and json.
func fromPython(ctx context.Context, b *bench, s *server, pool string) (*contender, error) {
	const name = "daemon, from Python"
	roles, err := s.roles(pool)
	if err != nil {
		return &contender{name: name}, err
	}
	return driven(ctx, name, hostPython, ours, roles, nil, b.python, filepath.Join(b.py, "host.py"), s.Socket, pool+".add")
}

// fromNode asks from a Node program with nothing but net and JSON.
func fromNode(ctx context.Context, b *bench, s *server, pool string) (*contender, error) {
	const name = "daemon, from Node"
	if b.node == "" {
		return &contender{name: name}, fmt.Errorf("%w: no node on PATH", errUnavailable)
	}
	roles, err := s.roles(pool)
	if err != nil {
		return &contender{name: name}, err
	}
	return driven(ctx, name, hostNode, ours, roles, nil, b.node, filepath.Join(b.py, "host.js"), s.Socket, pool+".add")
}
