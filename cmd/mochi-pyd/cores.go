package main

import (
	"os"
	"runtime"
)

// leaveCores lets the daemon's goroutines run on half of the cores at a time,
// unless the environment says how many. The other half is the workers': Go
// wakes a thread for each goroutine that could run beside the others, and the
// thread that it wakes and finds nothing to do for takes the core of the Python
// process that was to answer. On two cores one instead of two answers 1.15
// times the pipelined calls a second for 0.7 of the daemon's time (ADR 0007).
func leaveCores() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
}
