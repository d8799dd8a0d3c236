// Package bench holds no code, only benchmarks: what a call through the daemon
// costs, beside what the machine's pipes cost without it. A hop takes 5 or 30 µs
// as the core that it wakes was awake or asleep, so no figure means anything by
// itself: all of a benchmark's contenders run interleaved in one run, and what
// it reports are ratios.
package bench
