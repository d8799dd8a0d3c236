// Package python finds the interpreter a pool's workers run on, and builds the
// environment they run in.
//
// The interpreter is asked once who it is: a version manager's shim costs
// 65 ms at every start, ten times the interpreter it ends up running, so
// workers are started from what the shim resolved to.
package python
