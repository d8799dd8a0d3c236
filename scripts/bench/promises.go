package main

// Units of promises.
const (
	times = "×"
	rate  = "calls/s"
)

// shareOfAlone is what the daemon must keep of the worker's own throughput.
const shareOfAlone = 0.6

// promises are all that must hold: medians of at least five interleaved runs.
// A peer is held against ours from a host in the same language; from Go, one call
// at a time is what rpc.Caller is for.
func promises() []promise {
	all := []promise{
		ratioOf("p50 through the daemon, of two bare hops", 1.0, familyOne, laneDaemon, laneTwoHops),
		ratioOf("the same with busy-poll 0s", 1.2, familyOne, laneNoPoll, laneTwoHops),
		ratioOf("p50 direct, of one bare hop", 1.0, familyOne, laneDirect, laneOneHop),
		ratioOf("the same without busy polling", 1.3, familyOne, laneDirectNoPoll, laneOneHop),
		ratioOf("p50 through the daemon from rpc.Caller, of two bare hops", 1.0, familyOne, laneCaller, laneTwoHops),
		valuePromise("daemon CPU of a pipelined call", 4, "µs", familyPiped, laneDaemon, cpuOf(roleDaemon)),
		faster("pipelined, of the same worker without a daemon", shareOfAlone, familyPiped, laneDaemon, laneAlone),
		{"pipelined through the daemon", 100_000, true, rate, valueOf(familyPiped, laneDaemon, perSecond), []string{laneDaemon}},
		faster("p50, times as fast as a process per call", 500, familyOne, laneCaller, peerProcess),
		faster("p50 of rpc.Attr, times as fast as a process per call", 500, familyOne, laneAttr, peerProcess),
	}
	for _, p := range []struct{ peer, one, many string }{
		{peerFastAPI, laneCaller, laneDaemon}, {peerGRPC, laneCaller, laneDaemon}, {peerGRPCPy, lanePython, lanePython}, {peerPlugin, laneCaller, laneDaemon},
	} {
		all = append(all, against(p.peer, p.one, p.many, 5)...)
	}
	for _, name := range []string{peerRPyC, peerPyro, peerGunicorn} {
		all = append(all, against(name, lanePython, lanePython, 1)...)
	}
	for _, name := range []string{peerPipe, peerExecnet} {
		all = append(all, against(name, laneDirect, laneDirect, 1)...)
	}
	return append(
		all,
		promise{"the daemon adds to json.loads + dumps of 10 MiB", 0.15, false, times, func(r *report) (spread, bool) {
			return added(r.family(familyPayload), bigPayload)
		}, nil},
		valuePromise("the daemon's peak memory for 10 MiB there and back", 3, "× the message", familyMemory, readPayload, p50),
		ratioOf("time of a call at 64 hosts, of 1 host (depth 8 each)", 1.2, familyHosts, hostLane(64, 8), hostLane(1, 8)),
		promise{"CPU of a call at 64 hosts, of 1 host (depth 8 each)", 1.2, false, times, func(r *report) (spread, bool) {
			return r.family(familyHosts).compare(hostLane(64, 8), hostLane(1, 8), cpuOf(roleDaemon, roleWorker))
		}, nil},
		valuePromise("memory of an idle host", 16, "KiB", familyMemory, readPerHost, p50),
		valuePromise("memory of an idle daemon", 25, "MiB", familyMemory, readIdle, p50),
		valuePromise("CPU of an idle daemon (0 %, rounded)", 0.5, "%", familyMemory, readIdleCPU, p50),
		ratioOf("kill → next answer, of a bare interpreter's start", 1.5, familyRestart, laneKill, laneBare),
		ratioOf("the same with numpy", 1.5, familyRestart, laneKillNumpy, laneBareNumpy),
		valuePromise("kill → next answer with preload and numpy", 10, "ms", familyRestart, lanePreload, millis),
		valuePromise("kill → next answer with a warm spare", 3, "ms", familyRestart, laneSpare, millis),
		valuePromise("10,000 coroutines of 100 ms on one worker", 1000, "ms", familySleeps, laneSleeps, millis),
	)
}

// against holds a peer against ours in p50, asked one call at a time, and in
// throughput at 64.
func against(peer, one, many string, bound float64) []promise {
	return []promise{
		faster("p50, times as fast as "+peer, bound, familyOne, one, peer),
		faster("64 in flight, times as fast as "+peer, bound, familyPiped, many, peer),
	}
}

// ratioOf promises at most so many times another lane's time.
func ratioOf(text string, bound float64, family, of, to string) promise {
	return promise{text, bound, false, times, func(r *report) (spread, bool) { return r.family(family).ratio(of, to) }, []string{of, to}}
}

// faster promises at least so many times another lane's speed.
func faster(text string, bound float64, family, ours, theirs string) promise {
	return promise{text, bound, true, times, func(r *report) (spread, bool) { return r.family(family).ratio(theirs, ours) }, []string{ours, theirs}}
}

// valuePromise promises at most so much of a figure of one lane.
func valuePromise(text string, bound float64, unit, family, lane string, figure func(*row, int) float64) promise {
	return promise{text, bound, false, unit, valueOf(family, lane, figure), []string{lane}}
}

func valueOf(family, lane string, figure func(*row, int) float64) func(*report) (spread, bool) {
	return func(r *report) (spread, bool) { return r.family(family).value(lane, figure) }
}

func p50(r *row, run int) float64       { return r.Runs[run].P50 }
func millis(r *row, run int) float64    { return r.Runs[run].P50 / 1000 }
func perSecond(r *row, run int) float64 { return 1e6 / r.Runs[run].PerCall }
