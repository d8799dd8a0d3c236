package rpc

import (
	"sync/atomic"
	"time"
)

// smallCopy is the room inside a call for the bytes of its id, arguments and
// options: most calls are that small, and one allocation is enough for them.
const smallCopy = 96

// Call is one request in flight. Whoever holds it may answer it, from any
// goroutine, at any time; the first answer wins and the rest are dropped, so
// "exactly one answer" is a property of this type and not of its callers.
//
// The exported fields are written before the call is handed on and only read
// after that. Params and RawMeta are the bytes the host wrote; they are never
// written to again, as they may still stand in a worker's queue when the call
// has long been answered.
type Call struct {
	Method  string    // as the host named it
	Params  []byte    // raw JSON array or object; nil when the member was absent
	Meta    Meta      // the per-call options, parsed
	RawMeta []byte    // the same, raw; nil when absent
	Conn    *Conn     // nil for a call made in process
	Arrived time.Time // when its line was read

	// Function is the name inside the module, set by whoever routes the call
	// to a pool: "linalg.norm" of "numpy.linalg.norm".
	Function string

	// Holder is the one worker that may take the call, as it works on a handle
	// that lives there; nil for nearly all. Set by whoever routes the call.
	Holder *RefPlace

	// Deadline is when the call must have ended; set by the pool that holds it.
	Deadline time.Time

	// Requeues counts how often the call went back to a queue because its
	// worker died before it had started. Written by the pool that holds it.
	Requeues int
	// Retries counts how often an idempotent call was run again because its
	// worker died under it. Written by the pool that holds it.
	Retries int

	// TakenBack counts how often the call went back to a queue because it stood
	// behind one that turned out long. Written by the pool that holds it.
	TakenBack int

	// Service is how long a worker had it in hand; zero for a call that none has
	// answered. Written by the pool that holds it, before it answers.
	Service time.Duration

	// Told, if whoever routes the call has set it, hears of its one answer on the
	// goroutine that gives it, just before the host can know: at is the time, as
	// exact as that goroutine's burst, and err is nil for a result. It must not
	// block.
	Told func(c *Call, at time.Time, err *Error)

	id       []byte // raw bytes of the host's id; nil for a notification
	answer   Answerer
	answered atomic.Bool
	cancel   atomic.Pointer[cancellation]
	bytes    int                   // what it took of its connection's budget
	held     cancellation          // the first of cancel's values: no allocation of its own
	voice    atomic.Pointer[voice] // nil: it has said nothing before its answer (progress.go)
	small    [smallCopy]byte       // room for what newCall copies, when that is little

	burst     *Burst // that brought it: for whoever handles it, on the reader's goroutine
	answering *Burst // that brought its answer; written by the one who answered

	prev, next *Call // among its connection's unanswered calls; guarded by the connection
}

// Answerer takes a call's one answer: a connection, a batch, or a function of
// an embedder. Exactly one of result and err is set. result is only valid
// until AnswerCall returns. It must not block.
type Answerer interface {
	AnswerCall(c *Call, result []byte, err *Error)
}

// AnswerFunc is an Answerer made of a function.
type AnswerFunc func(c *Call, result []byte, err *Error)

// AnswerCall calls f.
func (f AnswerFunc) AnswerCall(c *Call, result []byte, err *Error) { f(c, result, err) }

// NewCall makes a call that comes from this process and not from a socket.
func NewCall(method string, params []byte, answer Answerer) *Call {
	return &Call{Method: method, Function: method, Params: params, Arrived: time.Now(), id: []byte("0"), answer: answer}
}

// ID is the host's id, byte for byte; nil for a notification.
func (c *Call) ID() []byte { return c.id }

// ShownID is how many bytes of an id are shown where a call is spoken of: an id may
// be as long as a message, and logs are kept.
const ShownID = 40

// ShortID is the beginning of the host's id, for people; "" for a notification.
func (c *Call) ShortID() string { return string(c.id[:min(len(c.id), ShownID)]) }

// Notification says that nobody waits for the answer.
func (c *Call) Notification() bool { return c.id == nil }

// Answered says whether the one answer has been given.
func (c *Call) Answered() bool { return c.answered.Load() }

// Burst is what brought the call, for a Handler to send through before Handle
// returns; nil for a call that came by no connection. It is of no use later or
// on another goroutine.
func (c *Call) Burst() *Burst { return c.burst }

// Reply answers with raw JSON. result may be reused once Reply has returned.
func (c *Call) Reply(result []byte) { c.finish(nil, result, nil) }

// Fail answers with an error; one that is no *Error becomes -32603 internal.
func (c *Call) Fail(err error) { c.finish(nil, nil, AsError(err)) }

// ReplyIn is Reply by the goroutine whose burst b is; result is its last line,
// or part of it.
func (c *Call) ReplyIn(b *Burst, result []byte) { c.finish(b, result, nil) }

// FailIn is Fail by the goroutine whose burst b is.
func (c *Call) FailIn(b *Burst, err error) { c.finish(b, nil, AsError(err)) }

func (c *Call) finish(b *Burst, result []byte, err *Error) {
	if !c.close() {
		return
	}
	c.answering = b
	if c.Told != nil {
		c.Told(c, b.Now(), err)
	}
	if c.answer != nil {
		c.answer.AnswerCall(c, result, err)
	}
}

// close is true for the first answer; behind it nothing is said.
func (c *Call) close() bool {
	v := c.voice.Load()
	if v == nil {
		if !c.answered.CompareAndSwap(false, true) {
			return false
		}
		if v = c.voice.Load(); v != nil { // it got one meanwhile (callBack), and may be in the middle of its word
			v.mu.Lock()
			defer v.mu.Unlock()
		}
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return c.answered.CompareAndSwap(false, true)
}

// Canceller is told that a call it holds is no longer wanted. It must see to
// it that the call is answered, now or when what runs has ended, and must not
// block.
type Canceller interface {
	CancelCall(c *Call, cause *Error)
}

// cancellation is the call's one cancel slot: who to tell, or why it was
// cancelled before there was anyone to tell.
type cancellation struct {
	to    Canceller
	cause *Error
}

// HeldBy names who is told when the call is cancelled; nil when nobody holds
// it. One goroutine at a time may say so. It returns the cause when the call has
// been cancelled already: the caller then must answer it and not go on.
func (c *Call) HeldBy(to Canceller) *Error {
	var next *cancellation
	for {
		old := c.cancel.Load()
		switch {
		case old != nil && old.cause != nil:
			return old.cause
		case old == nil && c.held.to == nil: // nobody has seen it: it may be written
			c.held.to = to
			next = &c.held
		case next == nil || next == &c.held:
			next = &cancellation{to: to}
		}
		if c.cancel.CompareAndSwap(old, next) {
			return nil
		}
	}
}

// Cancel says that the answer is no longer wanted (a cancel request, a host
// that vanished, a deadline). The first cause stays. A call that nobody holds
// yet is answered by the next HeldBy's caller.
func (c *Call) Cancel(cause *Error) {
	for {
		old := c.cancel.Load()
		if old != nil && old.cause != nil {
			return
		}
		if !c.cancel.CompareAndSwap(old, &cancellation{cause: cause}) {
			continue
		}
		if old != nil && old.to != nil {
			old.to.CancelCall(c, cause)
		}
		return
	}
}

// Cancelled gives the cause, or nil while the call is wanted.
func (c *Call) Cancelled() *Error {
	if s := c.cancel.Load(); s != nil {
		return s.cause
	}
	return nil
}
