// Package selftest puts a throw-away daemon through chaos and counts what came
// of it: mochi-pyd selftest.
//
// A daemon of its own serves three pools. Hosts call functions that count their
// own runs in a file; meanwhile actors kill and stop workers, hang up on calls,
// refuse to read, send what is no message, restart pools. The ledger knows each
// call by a key, so that when the chaos is over every call can be settled
// against its answer and its number of runs: asked = answered, at most one run,
// exactly one for each result. What the daemon reports about the deaths of its
// workers is settled against what was done to them, and what it holds (processes,
// descriptors, memory) against what it held before.
//
// Everything is seen from outside: two sockets, a log, /proc. Nothing here knows
// how the daemon works, so that it can be wrong about itself and be found out.
// The seed makes the choices repeatable; the machine's timing is its own.
package selftest
