// Package rig runs the real program for tests and benchmarks: it builds the
// binary, starts it on private sockets with a real python3, reads its log as
// records, and talks to it as a host does, in raw lines. Nothing in it knows
// how the daemon works inside: what it cannot see from outside, a user cannot
// see either.
package rig
