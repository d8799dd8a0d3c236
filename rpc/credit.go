package rpc

import (
	"bytes"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// StartItems and StartBytes are how far a stream may be ahead of the host's
	// first credit.
	StartItems = 64
	StartBytes = 1 << 20
	// MaxCredit bounds one $/credit and the sum of those that wait: as many as
	// any JSON reader can count.
	MaxCredit = 1<<53 - 1
	// streamBacklog is how many bytes may wait for a host before its streams get
	// no more credit, whatever it gives: what waits in the daemon for a host that
	// does not read stays that small.
	streamBacklog = StartBytes
	// handMost is how many items' credit a worker gets at once. Bytes are counted
	// without the envelope, and 1 MiB of small items would be 64 MiB of lines.
	handMost = 16 << 10
)

// credit is what a stream's host has given and its worker has not got yet. The
// worker asks when it has used up what it has, in items or in bytes; it gets what
// there is at once, up to handMost, so that a quick stream asks seldom.
//
// Of bytes a host does not speak. Every credit opens StartBytes anew. Those who
// give in advance (more items than have come) want them all, so their bytes
// open as they are taken.
type credit struct {
	given  uint64 // by the host, ever; saturating
	held   uint64 // of that, not handed on
	asker  Creditor
	ahead  bool          // the asker has items left, and is out of bytes
	queued bool          // it is told when the host has read what waits for it
	since  time.Time     // when it asked; zero: nobody asks
	waited time.Duration // how long all earlier askers had to wait
}

// Creditor is told once that a waiting call may go on, with so many more items;
// 0 opens the bytes only. It must not block.
type Creditor interface {
	GiveCredit(c *Call, n uint64)
}

// AskCredit gives what the host has given since it was asked last; false when
// there is nothing, and to is told as soon as there is. ahead says that the
// worker has items left and is out of bytes.
func (c *Call) AskCredit(to Creditor, ahead bool) (n uint64, ok bool) {
	v := c.voice.Load()
	if v == nil {
		return 0, false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.credit.asker, v.credit.ahead, v.credit.since = to, ahead, time.Now()
	return c.settle()
}

// settle ends the wait if there is anything to give. Called with the voice's
// lock held, while somebody asks.
func (c *Call) settle() (n uint64, ok bool) {
	v := c.voice.Load()
	k := &v.credit
	if k.held == 0 && (!k.ahead || k.given <= v.sent) {
		return 0, false
	}
	if c.Conn != nil && !k.queued && !c.Conn.out.whenTaken(streamBacklog, c.taken) {
		k.queued = true
	}
	if k.queued {
		return 0, false
	}
	n = min(k.held, handMost)
	k.held -= n
	k.waited += time.Since(k.since)
	k.asker, k.since = nil, time.Time{}
	return n, true
}

// taken: the host has read what waited for it.
func (c *Call) taken() {
	v := c.voice.Load()
	v.mu.Lock()
	v.credit.queued = false
	c.goOn()
}

// Grant gives the stream credit for n more items, as $/credit does.
func (c *Call) Grant(n uint64) {
	v := c.voice.Load()
	if v == nil || n == 0 {
		return
	}
	v.mu.Lock()
	v.credit.held = min(v.credit.held+min(n, MaxCredit), MaxCredit)
	v.credit.given = min(v.credit.given+min(n, MaxCredit), MaxCredit)
	c.goOn()
}

// goOn tells who waits. It lets go of the voice's lock.
func (c *Call) goOn() {
	v := c.voice.Load()
	to := v.credit.asker
	if to == nil {
		v.mu.Unlock()
		return
	}
	n, ok := c.settle()
	v.mu.Unlock()
	if ok {
		to.GiveCredit(c, n)
	}
}

// grant is $/credit: credit for what is no stream in flight is ignored, as is
// one that is no number of items.
func (c *Conn) grant(params []byte) {
	token, n := creditOf(params)
	if n == 0 {
		return
	}
	c.mu.Lock()
	call := c.byID[string(token)]
	c.mu.Unlock()
	if call != nil {
		call.Grant(n)
	}
}

// creditOf reads {token, n}; n is 0 when that is not what it is.
func creditOf(params []byte) (token []byte, n uint64) {
	if len(params) == 0 || params[0] != '{' {
		return nil, 0
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(params), readOptions...)
	if _, err := dec.ReadToken(); err != nil {
		return nil, 0
	}
	for dec.PeekKind() == jsontext.KindString {
		name, err := dec.ReadValue()
		if err != nil {
			return nil, 0
		}
		member := string(name)
		value, err := dec.ReadValue()
		if err != nil {
			return nil, 0
		}
		switch member {
		case `"token"`:
			token = bytes.Clone(value)
		case `"n"`:
			if n, err = strconv.ParseUint(string(value), 10, 64); err != nil || n > MaxCredit {
				return nil, 0
			}
		}
	}
	return token, n
}

// CountItems says how many values an array has that is one whole value; false
// when raw is something else.
func CountItems(raw []byte) (n uint64, ok bool) {
	c := cursor{line: raw}
	if c.next() != '[' || c.open() != nil {
		return 0, false
	}
	more := true
	if c.next() == ']' {
		c.at++
		more = false
	}
	for more {
		var err error
		if _, err = c.value(); err != nil {
			return 0, false
		}
		n++
		if more, err = c.more(false); err != nil {
			return 0, false
		}
	}
	return n, c.next() == 0 && c.at == len(raw)
}
