// Package phase14 holds one test and no code: MEP-71's phase 14, "subprocess
// runtime mode", as its rows M1 to M6 state it, played over a pair of io.Pipes
// through the public packages alone. Each row is tested to its depth in the
// package that implements it; this one shows that they make one thing.
package phase14
