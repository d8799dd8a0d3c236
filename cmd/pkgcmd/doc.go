// Package pkgcmd is `pkg run`: a Mochi program, or one Python function, with its
// Python run as the package's manifest says (MEP-71, mission row M10).
//
// The mochi command mounts it as `mochi pkg run`; here it is `mochi-pyd pkg run`.
//
//	run.go          the command: flags and words in, a plan out, then the plan
//	plan.go         what is to be run, with which interpreter, in which mode
//	environment.go  which interpreter that is
//	backend.go      who answers calls: a daemon that runs, or one of our own
//	embedded.go     … or a process that holds the interpreter
//	program.go      running a Mochi program with our python3 first on its PATH
//	exit.go         exit statuses
package pkgcmd
