// Package metrics tells a Prometheus how the daemon is doing, and a load
// balancer or a person whether it is up and ready.
//
// What is counted is counted where it happens and nowhere twice: a call, when
// its one answer is given (rpc.Call.Told), so that the sums agree with what
// hosts were told; a worker's life, by the typed events that also become log
// lines. Both are a few additions under a lock that only these counters have: 20 ns
// a call, of the 3 µs that a pipelined one costs (daemon.BenchmarkObserve).
// client_golang's own vectors were not used for that: they find a counter by
// hashing its labels, at every call, and keep series for ever that hosts can
// name. Everything else (queues, states, memory) is looked at when somebody
// asks, so that a daemon nobody watches pays nothing for it.
//
// No label grows with what hosts send: a call is "call", whatever its function,
// an error is one of ERRORS.md's, and pools that were forgotten are remembered
// up to a bound. A worker is its slot, never its pid.
//
// The server must not be able to hurt the daemon: it has a socket, goroutines
// and deadlines of its own, and few connections. A pool that is deadlocked costs
// it one goroutine, the gauges, and /healthz, which is how somebody finds out.
package metrics
