package main

import (
	"context"
	"fmt"
)

// depths is the same call in windows of 1 to 256.
func depths(ctx context.Context, b *bench) (*family, error) {
	f := &family{name: familyDepths, about: "add(3, 4) in raw lines, windows of 1 to 256; × is to the worker alone in the same window", rounds: b.scaled(10)}
	s, err := b.serve(ctx, callPools())
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, s.Stop)
	alone, aloneErr := workerAlone(ctx, b)
	one, oneErr := throughDaemon(s, laneDaemon, poolOne)
	two, twoErr := throughDaemon(s, laneTwo, poolTwo)
	for _, o := range []struct {
		c   *contender
		err error
	}{{alone, aloneErr}, {one, oneErr}, {two, twoErr}} {
		if o.err != nil {
			f.missing = append(f.missing, missing{o.c.name, o.err.Error()})
			continue
		}
		f.closers = append(f.closers, o.c.close)
		for _, depth := range []int{1, 8, 64, deepest} {
			f.measureAgainst(depthLane(laneAlone, depth), o.c, depthLane(o.c.name, depth), depth, min(200*depth, 5000))
		}
	}
	return f, nil
}

func depthLane(name string, depth int) string { return fmt.Sprintf("%s, depth %d", name, depth) }

// hosts is the same call from 1 to 64 connections at once.
func hosts(ctx context.Context, b *bench) (*family, error) {
	f := &family{name: familyHosts, about: "add(3, 4) from several hosts at once, each with its own window", base: laneAlone, rounds: b.scaled(10)}
	s, err := b.serve(ctx, callPools())
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, s.Stop)
	// One host alone is a poor base: a single call in flight takes one time or
	// three times as long, as the cores were awake or asleep.
	alone, err := workerAlone(ctx, b)
	f.add(alone, err, 64, 5000)
	for _, n := range []int{1, 2, 8, 64} {
		c, err := manyHosts(s, hostLane(n, 1), poolOne, n)
		if f.add(c, err, 1, 2000) != nil {
			f.lane(c, hostLane(n, 8), 8, 4000)
		}
	}
	return f, nil
}

func hostLane(hosts, depth int) string { return fmt.Sprintf("%d hosts, depth %d", hosts, depth) }
