package rpc

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"sync"
	"time"
)

// A call may say things before its answer: the items of a stream and reports of
// its progress go to the host as $/progress (this file), a callback is a request
// to the host (callback.go), and a stream may send only as far as the host has
// given credit (credit.go).

// Listener is an Answerer that wants to hear what a call says before its answer.
// Calls made in process have one to stream at all; a connection needs none, it
// writes $/progress. Neither method may block or keep the bytes; CallItems may
// call Grant.
type Listener interface {
	Answerer
	// CallItems brings items of a stream, a raw JSON array; seq is the number of
	// the first one.
	CallItems(c *Call, seq uint64, items []byte)
	// CallReport brings a report of progress.
	CallReport(c *Call, r Report)
}

// Report is how far a function says it has come.
type Report struct {
	Percentage *float64 `json:"percentage,omitempty"` // 0 to 100; nil: it does not know
	Message    string   `json:"message"`
}

// voice is the part of a call that only those have that say something before
// their answer. Its lock keeps the order: nothing is said after the answer,
// whoever gives that.
type voice struct {
	mu     sync.Mutex
	head   []byte // of every items line of this call, all that comes before the worker's own bytes
	said   bool   // an item has gone out
	sent   uint64 // items that have
	credit credit
	owed   int // callbacks without an answer
}

// These are the reasons why a call that asks for a stream cannot have one.
var (
	errStreamInBatch = Errorf(KindInvalidRequest, "a batch has one line for all its answers, and no stream: send the request on a line of its own, or leave meta.stream out")
	errStreamOfNull  = Errorf(KindInvalidRequest, "a stream is told from others by its request's id, and null is no such id: use a string or a number")
	errStreamUnheard = Errorf(KindInvalidRequest, "nobody hears the items of this call: give it an Answerer that is a Listener, or leave meta.stream out")
)

// prepare gives the call a voice if it asks for one, and says why it may not
// have it.
func (c *Call) prepare(batched bool) *Error {
	m := &c.Meta
	if !m.Stream && !m.Progress {
		return nil
	}
	switch {
	case c.id == nil:
		if m.Stream {
			// Its worker must not wait for credit that nobody will give.
			m.Stream = false
			c.RawMeta = without(c.RawMeta, "stream")
		}
		return nil
	case m.Stream && batched:
		return errStreamInBatch
	case m.Stream && c.Conn != nil && string(c.id) == "null":
		return errStreamOfNull
	case m.Stream && c.Conn == nil && c.listener() == nil:
		return errStreamUnheard
	}
	c.voice.Store(&voice{})
	return nil
}

func (c *Call) listener() Listener {
	l, _ := c.answer.(Listener)
	return l
}

// Said says whether an item of the call's stream has gone out: such a call is
// never run again.
func (c *Call) Said() bool {
	v := c.voice.Load()
	if v == nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.said
}

// Items sends items of the call's stream on, as part of the burst that brought
// them. rest are the members `"seq":…,"items":[…]` as the worker wrote them, and
// items the array in it; seq is the number of its first item and n how many
// there are. Items of a call that is answered are dropped. The error says that
// they do not fit a message; they are lost then, and so the call must fail.
func (c *Call) Items(b *Burst, rest, items []byte, seq, n uint64) *Error {
	v := c.voice.Load()
	if v == nil {
		return nil
	}
	v.mu.Lock()
	if c.answered.Load() {
		v.mu.Unlock()
		return nil
	}
	v.said = true
	v.sent += n
	if c.Conn == nil {
		v.mu.Unlock() // the listener may grant
		if l := c.listener(); l != nil {
			l.CallItems(c, seq, items)
		}
		return nil
	}
	defer v.mu.Unlock()
	if v.head == nil {
		v.head = append(appendToken(nil, c.id), '{')
	}
	return c.Conn.progress(b, v.head, rest)
}

// appendToken begins a $/progress, up to where its value begins.
func appendToken(b, id []byte) []byte {
	b = append(b, `{"jsonrpc":"2.0","method":"$/progress","params":{"token":`...)
	b = append(b, id...)
	return append(b, `,"value":`...)
}

// progressTail ends a $/progress behind its value's members.
var progressTail = []byte("}}}\n")

// progress writes a line; body is part of what b brought.
func (c *Conn) progress(b *Burst, head, body []byte) *Error {
	if size, limit := len(head)+len(body)+len(progressTail)-1, c.server.bounds().MaxMessage; size > limit {
		return tooLarge(size, limit)
	}
	if len(body) < referAt || b.keeps(body) && bytes.IndexByte(body, '\n') < 0 {
		_ = c.out.SendIn(b, head, body, progressTail) // that the host is gone, the reader finds out
		return nil
	}
	line := borrowLine()
	defer returnLine(line)
	*line = append(append(append((*line)[:0], head...), body...), progressTail...)
	_ = c.out.SendIn(b, *line, nil, nil)
	return nil
}

// Report sends the function's own report of its progress, if the host asked for
// such. fraction is from 0 to 1; nil says nothing of it.
func (c *Call) Report(b *Burst, fraction *float64, message string) {
	v := c.voice.Load()
	if v == nil || !c.Meta.Progress {
		return
	}
	r := Report{Message: message}
	if fraction != nil {
		// To a millionth: 0.29 is 29 percent, whatever a binary fraction makes of it.
		p := math.Floor(min(max(*fraction, 0), 1)*100*1e6+0.5) / 1e6
		r.Percentage = &p
	}
	if l := c.listener(); c.Conn == nil {
		if l != nil && !c.answered.Load() {
			l.CallReport(c, r)
		}
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if c.answered.Load() {
		return
	}
	body := []byte(`"kind":"report"`)
	if r.Percentage != nil {
		body = strconv.AppendFloat(append(body, `,"percentage":`...), *r.Percentage, 'f', -1, 64)
	}
	text, err := encode(message)
	if err != nil {
		return // strings always encode
	}
	body = append(append(body, `,"message":`...), text...)
	_ = c.Conn.progress(b, append(appendToken(nil, c.id), '{'), body) // one too long is no loss
}

// without takes a member out of an object that has been proved to be JSON.
func without(object []byte, name string) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return object
	}
	delete(members, name)
	left, err := encode(members)
	if err != nil {
		return object
	}
	return left
}

// Waiting says since when the call waits for credit (zero: it does not), and how
// long it has waited before: its deadline stands still meanwhile.
func (c *Call) Waiting() (since time.Time, before time.Duration) {
	v := c.voice.Load()
	if v == nil {
		return time.Time{}, 0
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.credit.since, v.credit.waited
}
