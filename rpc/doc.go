// Package rpc is floor 0: the wire. It knows JSON-RPC 2.0, one message a line,
// and nothing about Python, workers or pools. PROTOCOL.md beside this file is
// the contract; ERRORS.md is its table of errors; tests play the examples of
// both.
package rpc
