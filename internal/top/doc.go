// Package top is the live view: the pools and the workers of a running daemon,
// asked once a second, on a terminal.
//
// Feed is the wire: one connection to the operators' socket, made again when the
// daemon went away. Past is what the daemon does not keep and the view wants: the
// last minute of each pool, and the processor time of each worker between two
// answers. Model is the state of the screen, a pure function of what it is sent,
// so that its tests need no terminal. Run joins them on bubbletea, which reads
// keys, draws what changed and gives the terminal back, whatever happens: a fault
// of the view is an error like any other, that its caller prints afterwards.
//
// What modules named and printed is shown as text only: every cell and line goes
// through cells.Line before it is styled. The view decides nothing: a restart is
// asked for with the same request as the command's, after a yes.
package top
