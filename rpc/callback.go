package rpc

import (
	"bytes"
	"fmt"
	"strconv"
)

// DefaultMaxCallbacks is how many callbacks one connection may have open.
const DefaultMaxCallbacks = 256

// Callback is a worker's request to the host of a call: call what you passed as
// {"$callback":"name"}. All members are raw JSON, in the call's own encoding.
type Callback struct {
	Name   []byte // a string
	Args   []byte // an array; nil: none
	Kwargs []byte // an object; nil: none
}

// Answered takes a callback's one answer: raw JSON, or an error. result is only
// valid until it returns. It must not block.
type Answered func(result []byte, err *Error)

// Host is an Answerer that answers callbacks, for calls made in process. It
// must not block, and answers whenever it likes.
type Host interface {
	Answerer
	CallBack(c *Call, cb Callback, answer Answered)
}

var (
	errNoCallbacks = Errorf(KindInvalidRequest, "nobody answers the callbacks of this call: it is a notification, or was made in process by who is no Host")
	errInputEnded  = NewError(KindRequestCancelled, "the host has ended its input and can answer no callback", nil)
)

// owing is one callback that the host has not answered.
type owing struct {
	call   *Call
	answer Answered
}

// CallBack asks the host, as part of the burst that brought the request. answer
// is called once unless the call is answered before, and maybe at once.
func (c *Call) CallBack(b *Burst, cb Callback, answer Answered) {
	if err := c.callBack(b, cb, answer); err != nil {
		answer(nil, err)
	}
}

func (c *Call) callBack(b *Burst, cb Callback, answer Answered) *Error {
	host, _ := c.answer.(Host)
	switch {
	case c.id == nil || c.Conn == nil && host == nil:
		return errNoCallbacks
	case c.Conn == nil:
		host.CallBack(c, cb, answer)
		return nil
	}
	v := c.voice.Load()
	if v == nil { // only the goroutine that reads the worker's words comes here
		v = &voice{}
		c.voice.Store(v)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if c.answered.Load() {
		return errCancelled
	}
	id, err := c.Conn.owe(&owing{c, answer})
	if err != nil {
		return err
	}
	v.owed++
	line := borrowLine()
	defer returnLine(line)
	*line = appendCallback((*line)[:0], id, cb, c.id)
	if limit := c.Conn.server.bounds().MaxMessage; len(*line) > limit+1 {
		v.owed--
		c.Conn.settled(id)
		return tooLarge(len(*line), limit)
	}
	_ = c.Conn.out.SendIn(b, *line, nil, nil) // that the host is gone, the reader finds out, and says so to all
	return nil
}

func appendCallback(b []byte, id string, cb Callback, parent []byte) []byte {
	b = append(append(b, `{"jsonrpc":"2.0","id":`...), id...)
	b = append(append(b, `,"method":"mochi.callback","params":{"callback":`...), cb.Name...)
	for _, m := range [...]struct {
		name       string
		value, or_ []byte
	}{{`,"args":`, cb.Args, []byte("[]")}, {`,"kwargs":`, cb.Kwargs, []byte("{}")}, {`,"parent":`, parent, nullID}} {
		b = append(b, m.name...)
		if len(m.value) == 0 {
			m.value = m.or_
		}
		b, _ = appendRaw(b, m.value)
	}
	return append(b, "}}\n"...)
}

// Owes says that the call waits for a callback's answer.
func (c *Call) Owes() bool {
	v := c.voice.Load()
	if v == nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.owed > 0
}

// Owes says that the host has callbacks to answer.
func (c *Conn) Owes() bool { return c.owes.Load() > 0 }

// owe notes a callback and gives its id: "s:1", "s:2"…
func (c *Conn) owe(o *owing) (id string, err *Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch limit := c.server.bounds().MaxCallbacks; {
	case c.dry:
		return "", errInputEnded
	case len(c.callbacks) >= limit:
		return "", NewError(KindOverloaded, fmt.Sprintf("the host has %d callbacks to answer, which is the most that one connection may have: wait for answers first", limit),
			Fields{"retry_after_ms": retryAfterMs, "queue": limit})
	}
	if c.callbacks == nil {
		c.callbacks = make(map[string]*owing)
	}
	c.lastCallback++
	id = `"s:` + strconv.FormatUint(c.lastCallback, 10) + `"`
	c.callbacks[id] = o
	c.owes.Add(1)
	return id, nil
}

// settled takes a callback off the books; nil when it is not on them.
func (c *Conn) settled(id string) *owing {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.callbacks[id]
	if o != nil {
		delete(c.callbacks, id)
		c.owes.Add(-1)
	}
	return o
}

// called is a response of the host. One that answers no callback is dropped: an
// answer to an answer could go on for ever.
func (c *Conn) called(e *envelope) {
	if !c.Owes() || e.ID == nil {
		return
	}
	o := c.settled(string(e.ID))
	if o == nil {
		return
	}
	m, err := e.reply()
	switch {
	case err != nil:
		o.end(nil, Errorf(KindInternal, "the host's answer to the callback is no response: %v", err))
	case m.Error == nil:
		o.end(m.Result, nil)
	default:
		failure, err := DecodeError(m.Error)
		if err != nil {
			failure = Errorf(KindInternal, "the host's answer to the callback is no response: %v", err)
		}
		o.end(nil, failure)
	}
}

func (o *owing) end(result []byte, err *Error) {
	v := o.call.voice.Load()
	v.mu.Lock()
	v.owed--
	v.mu.Unlock()
	o.answer(result, err)
}

// disown forgets the callbacks of a call that is being answered: nobody waits
// for them.
func (c *Conn) disown(call *Call) {
	if call.voice.Load() == nil || !c.Owes() {
		return
	}
	c.mu.Lock()
	for id, o := range c.callbacks {
		if o.call == call {
			delete(c.callbacks, id)
			c.owes.Add(-1)
		}
	}
	c.mu.Unlock()
}

// hangUp ends the callbacks of a host that will answer none.
func (c *Conn) hangUp(why *Error) {
	c.mu.Lock()
	left := c.callbacks
	c.callbacks = nil
	c.owes.Add(-int32(len(left)))
	c.mu.Unlock()
	for _, o := range left {
		o.end(nil, why)
	}
}

// echo is the id that a refusal before admit carries: null where a request with
// that id is in flight, whose one answer it would seem to be.
func (c *Conn) echo(call *Call) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key := call.key(); key != "" && c.byID[key] != nil {
		return nullID
	}
	return bytes.Clone(call.id)
}
