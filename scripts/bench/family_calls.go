package main

import "context"

// Lane names that verdicts look for.
const (
	laneOneHop       = "bare echo, one hop"
	laneTwoHops      = "bare echo, two hops"
	laneAlone        = "the worker, no daemon"
	laneDirect       = "direct: package pool, no socket"
	laneDirectNoPoll = "direct, busy-poll 0s"
	laneDaemon       = "daemon, raw lines"
	laneNoPoll       = "daemon, raw lines, busy-poll 0s"
	laneTwo          = "daemon, raw lines, 2 workers"
	laneLoop         = "daemon, raw lines, coroutine function"
	laneClient       = "daemon, rpc.Client"
	laneCaller       = "daemon, rpc.Caller"
	laneAttr         = "daemon, rpc.Attr"
	lanePython       = "daemon, from Python"
	laneNode         = "daemon, from Node"
	familyOne        = "latency"
	familyPiped      = "pipelined"
	familyDepths     = "depths"
	familyHosts      = "hosts"
)

// floorsAndOurs opens the floors and every way to reach our workers.
func floorsAndOurs(ctx context.Context, b *bench, f *family, s *server, depth, calls int) {
	add := func(c *contender, err error) { f.add(c, err, depth, calls) }
	add(oneHop(ctx, b))
	add(twoHops(ctx, b))
	add(workerAlone(ctx, b))
	add(embedded(ctx, b))
	add(embeddedNoPoll(ctx, b))
	add(throughDaemon(s, laneDaemon, poolOne))
	add(throughDaemon(s, laneNoPoll, poolNoPoll))
	add(throughDaemon(s, laneTwo, poolTwo))
	add(throughDaemon(s, laneLoop, poolLoop))
	add(throughClient(ctx, s, laneClient, poolOne))
	if depth == 1 { // both make one call at a time
		add(throughCaller(ctx, s, laneCaller, poolCaller))
		add(throughAttr(s, laneAttr, poolAttr))
	}
	add(fromPython(ctx, b, s, poolOne))
	add(fromNode(ctx, b, s, poolOne))
}

// latency is one call after the other.
func latency(ctx context.Context, b *bench) (*family, error) {
	f := &family{name: familyOne, about: "add(3, 4), one call after the other", base: laneTwoHops, rounds: b.scaled(4)}
	s, err := b.serve(ctx, callPools())
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, s.Stop)
	floorsAndOurs(ctx, b, f, s, 1, 1000)
	addPeers(ctx, b, f, 1, 1000)
	return f, nil
}

// pipelined is 64 calls in flight on one worker.
func pipelined(ctx context.Context, b *bench) (*family, error) {
	f := &family{name: familyPiped, about: "add(3, 4), 64 calls in flight", base: laneAlone, rounds: b.scaled(6)}
	s, err := b.serve(ctx, callPools())
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, s.Stop)
	floorsAndOurs(ctx, b, f, s, 64, 5000)
	addPeers(ctx, b, f, 64, 5000)
	return f, nil
}
