// Package rpc is floor 0: the wire. It knows JSON-RPC 2.0, one message a line,
// and nothing about Python, workers or pools. PROTOCOL.md beside this file is
// the contract; ERRORS.md is its table of errors; tests play the examples of
// the one and hold the other against kind.go.
//
// A line's way through, and the file that tells each part:
//
//   - FrameReader (frame.go) cuts the stream into lines, in bounded memory and
//     without a buffer while it waits.
//   - scanner (scan.go) reads one line's envelope, strictly, and leaves params,
//     result and id as the bytes they are; judge.go says what the envelope is.
//   - Conn (conn.go, read.go, batch.go) turns it into a Call
//     and hands it to the Handler on the goroutine that read it: a hand-off to
//     another goroutine can cost a wake-up, which is dearer than all the rest.
//   - The budget (inbound.go) bounds the bytes of calls in flight.
//   - Call (call.go) is answered exactly once, by anyone, from anywhere.
//   - What a call says before that, items of a stream and reports, goes the same
//     way (progress.go), as far as the host gives credit (credit.go); callbacks
//     are requests to the host (callback.go).
//   - Sender (sender.go) writes the answer on the goroutine that brought it and
//     never blocks it; what does not fit waits in a bounded queue.
//
// Server (server.go) keeps the connections and their limits. Client (client.go)
// is jsonrpc2.Conn over the same lines, with streams (clientstream.go) and
// callbacks (clientcallback.go). ScanReply, FrameReader and Sender are
// exported for the other leg: package supervisor speaks to workers with them.
package rpc
