package rpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Conn is one host's connection to a Server.
//
// Two counts rule its end. live is the calls nobody has answered, which
// MaxInFlight bounds, and MaxInbound their bytes (inbound.go). holds is the lines still to be written; when no more
// input is wanted and holds reaches 0, the connection finishes.
type Conn struct {
	Number uint64 // unique in this process
	Peer   Peer
	// State is the owner's: set in Hooks.Opened, read by handlers.
	State any

	server *Server
	crowd  *crowd // nil: not counted
	rwc    io.ReadWriteCloser
	raw    syscall.RawConn // the input, when it is a descriptor that can be waited for
	out    *Sender
	burst  *Burst            // of lines that are being read; the reader's own
	names  map[string]string // methods seen, so that a call's name costs no allocation; the reader's own

	mu       sync.Mutex
	byID     map[string]*Call // requests in flight, by the bytes of their id
	first    *Call            // all unanswered calls, linked
	live     int
	inbound  int // bytes of the calls in flight
	holds    int
	ending   bool // no more input is wanted: finish when holds is 0
	draining bool // new requests are refused
	dry      bool // the input has been read to its end
	answered bool // a request has been

	callbacks    map[string]*owing // by their ids; what the host has to answer
	lastCallback uint64
	owes         atomic.Int32 // how many there are
}

var connections atomic.Uint64

func newConn(s *Server, rwc io.ReadWriteCloser) *Conn {
	c := &Conn{
		Number: connections.Add(1), server: s, rwc: rwc, raw: pollable(rwc),
		out:  NewSender(rwc, s.bounds().MaxOutbound, s.bounds().WriteTimeout, nil),
		byID: make(map[string]*Call),
	}
	if s.Hooks.Peer != nil {
		c.Peer = s.Hooks.Peer(rwc)
	}
	return c
}

// InFlight is how many calls of this connection have no answer yet.
func (c *Conn) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live
}

// Notify sends a notification to the host; params is raw JSON or nil. An error
// means that the host is gone.
func (c *Conn) Notify(method string, params []byte) error {
	request := Request{JSONRPC: Version, Method: method, Params: params}
	line := borrowLine()
	defer returnLine(line)
	var err error
	if *line, err = request.append((*line)[:0]); err != nil {
		return err
	}
	*line = append(*line, '\n')
	return c.out.Send(*line)
}

// admit makes a call one of this connection's, or says why not.
func (c *Conn) admit(call *Call) *Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := call.key()
	switch {
	case key != "" && c.byID[key] != nil: // first: any other refusal would be a second answer to that id
		return duplicateID(call.id)
	case c.draining:
		return errServerClosed
	case c.live >= c.server.bounds().MaxInFlight:
		return NewError(KindOverloaded, "too many calls in flight on this connection: wait for answers before sending more",
			Fields{"retry_after_ms": retryAfterMs, "queue": c.live})
	}
	if full := c.crowd.enter(c.server.bounds().MaxInFlightPerUID); full != nil {
		return full
	}
	if full := c.charge(call); full != nil {
		c.crowd.leave()
		return full
	}
	if key != "" {
		c.byID[key] = call
	}
	c.live++
	if call.id != nil {
		c.holds++
	}
	call.next = c.first
	if c.first != nil {
		c.first.prev = call
	}
	c.first = call
	return nil
}

// retryAfterMs is what an overloaded connection is told to wait: about the time
// a few thousand quick calls take.
const retryAfterMs = 50

// forget takes an answered call off the books. It comes before the answer is
// sent: a host may use the id again as soon as it has read that.
func (c *Conn) forget(call *Call) {
	c.disown(call)
	c.mu.Lock()
	defer c.mu.Unlock()
	if key := call.key(); key != "" {
		delete(c.byID, key)
	}
	if call.prev != nil {
		call.prev.next = call.next
	} else {
		c.first = call.next
	}
	if call.next != nil {
		call.next.prev = call.prev
	}
	call.prev, call.next = nil, nil
	c.live--
	c.answered = true
	c.crowd.leave()
	c.refund(call)
	drop(call.bytes)
}

// hold keeps the connection from finishing; release lets it.
func (c *Conn) hold() {
	c.mu.Lock()
	c.holds++
	c.mu.Unlock()
}

func (c *Conn) release() {
	c.mu.Lock()
	c.holds--
	last := c.holds == 0 && c.ending
	dry := c.dry
	c.mu.Unlock()
	if last {
		c.finish(dry)
	}
}

// finish closes the connection when its answers are written. What the host has
// sent by then is read and refused first: were it thrown away, a request that
// was written in time would be answered by a bare end-of-file. Shutting the
// reading side draws the line: what comes later the host cannot write any more,
// and what came before ends with the end-of-file that finishes.
func (c *Conn) finish(dry bool) {
	if r, ok := c.rwc.(interface{ CloseRead() error }); ok && !dry && r.CloseRead() == nil {
		return
	}
	c.out.Finish()
}

// key is the id under which a request can be found: its bytes, as the protocol
// compares ids. "" for notifications and for null, which is nobody's duplicate.
func (c *Call) key() string {
	if c.id == nil || string(c.id) == "null" {
		return ""
	}
	// The id is the call's own copy and never written again, so the key can
	// share its bytes for as long as the call is in the table.
	return unsafe.String(&c.id[0], len(c.id))
}

// AnswerCall writes the answer on the goroutine that brought it.
func (c *Conn) AnswerCall(call *Call, result []byte, failure *Error) {
	c.forget(call)
	if call.id == nil {
		return
	}
	c.respond(call.answering, call.id, result, failure)
	c.release()
}

// respond writes one response line, as part of the burst that brought it (nil:
// at once). That the host is gone is no news for who answers: the reader finds
// out and cancels what is left.
func (c *Conn) respond(b *Burst, id, result []byte, failure *Error) {
	line := borrowLine()
	defer returnLine(line)
	limit := c.server.bounds().MaxMessage
	if failure == nil && len(result) >= referAt && len(result)+len(id)+envelopeRoom <= limit && bytes.IndexByte(result, '\n') < 0 && b.keeps(result) {
		*line = appendHead((*line)[:0], id)
		_ = c.out.SendIn(b, *line, result, responseTail)
		return
	}
	*line = appendBounded((*line)[:0], id, result, failure, limit)
	*line = append(*line, '\n')
	_ = c.out.SendIn(b, *line, nil, nil)
}

// cancel is $/cancelRequest: the id's bytes must be the same.
func (c *Conn) cancel(id []byte) {
	c.mu.Lock()
	call := c.byID[string(id)]
	c.mu.Unlock()
	if call != nil {
		call.Cancel(errCancelled)
	}
}

// drain refuses what comes from now on and finishes when all is answered.
func (c *Conn) drain() {
	c.mu.Lock()
	c.ending, c.draining = true, true
	idle, dry := c.holds == 0, c.dry
	c.mu.Unlock()
	if idle {
		c.finish(dry)
	}
}

// endInput says that no more requests will come, and no more credit: a host that
// is still there for its streams takes them as fast as it reads.
func (c *Conn) endInput() {
	c.mu.Lock()
	c.ending, c.dry = true, true
	idle := c.holds == 0
	var streams []*Call
	for call := c.first; call != nil; call = call.next {
		if call.voice.Load() != nil {
			streams = append(streams, call)
		}
	}
	c.mu.Unlock()
	for _, call := range streams {
		call.Grant(MaxCredit)
	}
	c.hangUp(errInputEnded)
	if idle {
		c.out.Finish()
	}
}

// abandon cancels every request of a connection that can answer nobody.
// Notifications go on: nobody waited for them.
func (c *Conn) abandon(cause *Error) {
	c.mu.Lock()
	c.draining, c.dry = true, true // nobody is asked any more, either
	left := make([]*Call, 0, c.live)
	for call := c.first; call != nil; call = call.next {
		if call.id != nil {
			left = append(left, call)
		}
	}
	c.mu.Unlock()
	c.hangUp(cause)
	for _, call := range left {
		call.Cancel(cause)
	}
}

// serve runs the connection to its end. nil means that the host ended it, or we
// did.
func (c *Conn) serve() error {
	err := c.read()
	ended := errors.Is(err, io.EOF)
	if ended {
		c.endInput()
	}
	if !ended || c.raw != nil && waitHangup(c.raw) {
		_ = c.out.Close() // nobody is left to answer; no-op when it was closed on our side
	}
	<-c.out.Done()
	cause := errHostGone
	if c.server.isCut() {
		cause = errServerClosed
	}
	c.abandon(cause)
	switch why := c.out.Err(); {
	case !errors.Is(why, ErrSenderClosed):
		return why // a write failed, or the host did not read
	case errors.Is(err, errTooManyBadLines):
		return err
	case ended, errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return nil
	}
	return err
}
