package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// errTooManyBadLines ends a connection whose other end speaks something else.
var errTooManyBadLines = errors.New("rpc: too many lines in a row that are no messages")

// maxNames and maxNameKept bound a connection's table of method names, in
// entries and in bytes of each: together 128 KiB, whatever a host calls. A
// longer name is no function that is called often.
const (
	maxNames    = 512
	maxNameKept = 256
)

// read takes lines until the input ends. Everything a line asks for is done on
// this goroutine: there is nobody else to wake.
func (c *Conn) read() error {
	frames := NewFrameReader(c.rwc, c.server.bounds().MaxMessage)
	c.burst = frames.Burst()
	frames.Linger(false, nil)
	defer frames.Close()
	bad := 0
	for {
		line, err := frames.Next()
		switch {
		case c.refuseOverlong(line, err):
			bad++
		case err == nil || errors.Is(err, io.ErrUnexpectedEOF) && line != nil:
			if c.line(line, frames) {
				bad = 0
			} else {
				bad++
			}
			if err != nil {
				return io.EOF
			}
		default:
			return err
		}
		if bad >= c.server.bounds().MaxBadLines {
			// What is in flight is still answered, as if the input had ended.
			return fmt.Errorf("%w (%d): %w", errTooManyBadLines, bad, io.EOF)
		}
	}
}

// line handles one line; false when it is not even the attempt at a message.
func (c *Conn) line(line []byte, frames *FrameReader) bool {
	s, err := newScanner(line)
	if err != nil {
		c.reject(nullID, parseError(notJSON(err)))
		return attempted(line)
	}
	defer s.release()
	if s.next() == '[' {
		c.batch(s)
		return true
	}
	var e envelope
	err = s.message(&e)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		c.reject(nullID, parseError(notJSON(err)))
		return attempted(line)
	}
	kind, problem := e.judge()
	switch kind {
	case classBad:
		c.reject(e.answerID(), problem)
	case classReply:
		c.called(&e)
	default:
		if id, problem := c.call(&e, kind, frames, c); problem != nil {
			c.reject(id, problem)
		}
	}
	return true
}

// reject answers what never became a call.
func (c *Conn) reject(id []byte, why *Error) {
	c.server.refused(why)
	c.respond(c.burst, id, nil, why)
}

// attempted tells a message that went wrong from another protocol's chatter: it
// at least begins as an object or an array does. Only the chatter counts towards
// MaxBadLines. A host that writes broken JSON all day is told so all day, for
// content never closes a connection.
func attempted(line []byte) bool {
	line = bytes.TrimLeft(line, " \t\r")
	return len(line) > 0 && (line[0] == '{' || line[0] == '[')
}

// call hands a well-formed request or notification on. When it is refused here
// the answer is for the caller to give, with the id it is to carry. frames is
// the reader whose last line holds this message and no other, else nil.
func (c *Conn) call(e *envelope, kind class, frames *FrameReader, to Answerer) (id []byte, problem *Error) {
	if bytes.HasPrefix(e.Method, []byte("$/")) {
		switch {
		case kind == classRequest:
			return e.ID, Errorf(KindMethodNotFound, "there is no request %q: names that begin with $/ are notifications", e.Method)
		case string(e.Method) == "$/cancelRequest":
			c.cancel(cancelledID(e.Params))
		case string(e.Method) == "$/credit":
			c.grant(e.Params)
		}
		return nil, nil
	}
	call := c.newCall(e, frames)
	call.answer = to
	call.Meta, problem = parseMeta(call.RawMeta)
	if problem == nil {
		if problem = call.prepare(to != Answerer(c)); problem != nil {
			return c.echo(call), problem
		}
		problem = c.admit(call)
	}
	switch {
	case problem == nil:
		c.server.handle(call)
		return nil, nil
	case kind == classNotification:
		c.server.refused(problem)
		return nil, nil // never answered, whatever happens
	case problem.Code == CodeInvalidRequest: // the only one of admit: its id is in flight
		return nullID, problem
	}
	return call.id, problem
}

// newCall gives the call its own bytes: one copy of what it needs, or the
// line's own buffer when that is mostly what it needs.
func (c *Conn) newCall(e *envelope, frames *FrameReader) *Call {
	call := &Call{
		Method: c.name(e.Method), id: e.ID, Params: e.Params, RawMeta: e.Meta,
		Conn: c, Arrived: c.burst.Now(), burst: c.burst,
	}
	if need := len(e.ID) + len(e.Params) + len(e.Meta); frames == nil || !frames.keep(need) {
		all := call.small[:0]
		if need > len(call.small) {
			all = make([]byte, 0, need)
		}
		call.id, all = carve(all, e.ID)
		call.Params, all = carve(all, e.Params)
		call.RawMeta, _ = carve(all, e.Meta)
	}
	call.Function = call.Method
	return call
}

// carve copies raw behind all and gives that part, with no room to grow into
// the next one. An absent member stays nil.
func carve(all, raw []byte) (part, rest []byte) {
	if raw == nil {
		return nil, all
	}
	start := len(all)
	all = append(all, raw...)
	return all[start:len(all):len(all)], all
}

// name gives the method as a string of its own: pools keep names, and must not
// keep a message alive by one.
func (c *Conn) name(method []byte) string {
	if name, ok := c.names[string(method)]; ok {
		return name
	}
	name := string(method)
	if len(name) > maxNameKept {
		return name
	}
	if c.names == nil || len(c.names) >= maxNames {
		c.names = make(map[string]string)
	}
	c.names[name] = name
	return name
}

// cancelledID reads the id of a $/cancelRequest; nil when there is none that a
// request could have.
func cancelledID(params []byte) []byte {
	if len(params) == 0 || params[0] != '{' {
		return nil
	}
	return earlyID(params)
}

// refuseOverlong answers a line that was not read whole, if that is what err
// says. Its id is known only when it came before what made the line too long.
func (c *Conn) refuseOverlong(prefix []byte, err error) bool {
	if err == nil {
		return false
	}
	var long *FrameTooLongError
	if !errors.As(err, &long) {
		return false
	}
	failure := tooLarge(long.Size, long.Limit)
	id := earlyID(bytes.TrimLeft(prefix, " \t\r"))
	c.mu.Lock()
	taken := id != nil && c.byID[string(id)] != nil
	c.mu.Unlock()
	if id == nil || taken {
		id = nullID
	}
	c.reject(id, failure)
	return true
}

// earlyID finds the member "id" of an object that may be cut short; nil when it
// is not there, or nothing an id can be.
func earlyID(object []byte) []byte {
	dec := jsontext.NewDecoder(bytes.NewBuffer(object), readOptions...)
	if t, err := dec.ReadToken(); err != nil || t.Kind() != jsontext.KindBeginObject {
		return nil
	}
	for dec.PeekKind() == jsontext.KindString {
		name, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		found := string(name) == `"id"`
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if found {
			if !validID(value) {
				return nil
			}
			return value
		}
	}
	return nil
}
