package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Codec reads and writes whole messages on a stream: what a plain client or
// server loop needs, one message at a time. What it refuses to read it refuses
// to write.
//
// Errors of the peer's making are *Error with the code that answers them; the
// line has been consumed and reading may go on. Any other error is the
// stream's own.
type Codec struct {
	frames *FrameReader
	w      io.Writer
}

// NewCodec reads from r and writes to w; limit bounds a line (0: the default).
func NewCodec(r io.Reader, w io.Writer, limit int) *Codec {
	return &Codec{frames: NewFrameReader(r, limit), w: w}
}

// WriteRequest writes a request or notification.
func (c *Codec) WriteRequest(r *Request) error { return c.write(r) }

// WriteResponse writes a response.
func (c *Codec) WriteResponse(r *Response) error { return c.write(r) }

func (c *Codec) write(m interface{ append([]byte) ([]byte, error) }) error {
	b := borrowLine()
	defer returnLine(b)
	var err error
	if *b, err = m.append((*b)[:0]); err != nil {
		return err
	}
	return WriteFrame(c.w, *b)
}

// ReadRequest reads one request or notification.
func (c *Codec) ReadRequest() (*Request, error) {
	var e envelope
	if err := c.read(&e); err != nil {
		return nil, err
	}
	switch kind, problem := e.judge(); kind {
	case classBad:
		return nil, problem
	case classReply:
		return nil, errNoMethod
	}
	return &Request{
		JSONRPC: Version, ID: bytes.Clone(e.ID), Method: string(e.Method),
		Params: bytes.Clone(e.Params), Meta: bytes.Clone(e.Meta),
	}, nil
}

// ReadResponse reads one response.
func (c *Codec) ReadResponse() (*Response, error) {
	var e envelope
	if err := c.read(&e); err != nil {
		return nil, err
	}
	m, err := e.reply()
	if err != nil {
		return nil, Errorf(KindInvalidRequest, "%v", err)
	}
	if !m.IsReply() {
		return nil, &NotResponseError{ID: bytes.Clone(m.ID), Method: string(m.Method)}
	}
	r := &Response{JSONRPC: Version, ID: bytes.Clone(m.ID), Result: bytes.Clone(m.Result)}
	if m.Error != nil {
		if r.Error, err = DecodeError(m.Error); err != nil {
			return nil, Errorf(KindInvalidRequest, "%v", err)
		}
	}
	return r, nil
}

// read scans the next line as one message.
func (c *Codec) read(e *envelope) error {
	line, err := c.frames.Next()
	var long *FrameTooLongError
	switch {
	case errors.As(err, &long):
		return tooLarge(long.Size, long.Limit)
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	s, scanErr := newScanner(line)
	if scanErr == nil {
		defer s.release()
		if scanErr = s.message(e); scanErr == nil {
			scanErr = s.end()
		}
	}
	switch {
	case scanErr == nil:
		return nil
	case err != nil:
		return err // cut short, and not even whole JSON: the end is the news
	}
	return parseError(notJSON(scanErr))
}

// NotResponseError says that a request or notification came where ReadResponse
// wanted a response. It has been read, and reading may go on.
type NotResponseError struct {
	ID     json.RawMessage // nil for a notification
	Method string
}

func (e *NotResponseError) Error() string {
	return fmt.Sprintf("rpc: a request of %s came where a response was due", e.Method)
}

// Unwrap is the error for who serves: such a message is an invalid request.
func (e *NotResponseError) Unwrap() error { return Errorf(KindInvalidRequest, "%s", e.Error()) }

// DecodeError reads an error object: an integer code and a message are due.
func DecodeError(raw []byte) (*Error, error) {
	var e struct {
		Code    *int            `json:"code"`
		Message *string         `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("rpc: the error is no error object: %w", err)
	}
	if e.Code == nil || e.Message == nil {
		return nil, errors.New("rpc: the error object lacks code or message")
	}
	return &Error{Code: *e.Code, Message: *e.Message, Data: e.Data}, nil
}
